import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../src/util/json.ts';
import type { Account, Accounts } from './accounts.ts';
import { listIn, objectIn, type Observer, type Sighting } from './observer.ts';
import { segment, type Answer, type Peer } from './peer.ts';
import { check, need, NotApplicable, textIn } from './verdict.ts';

const C = '/_matrix/client/v3';
/** The text lets a server be this late, to send many events together. */
const ALLOWED_LATENESS_MS = 30_000;
/** For answers that are under way; and all that is waited where the trial before has waited in vain. */
const SLACK_MS = 3_000;
const WORTH_A_NOTE_S = 3;
/** Two clocks need not count alike. */
const TOLERATED_EARLY_MS = 5;
/** How much later than what must not come the event is due that ends the wait for it. */
const CANARY_AFTER_MS = 400;

/** When something becomes due, as far as can be told from here: a request reached the peer after it left. */
export interface Due {
  readonly earliestMs: number;
  readonly latestMs: number;
}

/** Due so long after the request of an answer. */
export function dueAfter(answer: Answer, delayMs: number): Due {
  return { earliestMs: answer.askedMs + delayMs, latestMs: answer.answeredMs + delayMs };
}

/** What is done by whom and where: by the owner and in the shared room unless it says otherwise. */
export interface Wishes {
  readonly by?: Account;
  readonly roomId?: string;
  readonly txnId?: string;
}

/** What any generation can do. */
export interface SendsLater {
  /** Sees to it that a message is sent later, and tells when. */
  sendLater(stage: Stage, type: string, delayMs: number, wishes?: Wishes): Promise<Due>;
}

export interface RoomWishes {
  readonly version?: string;
  readonly members?: readonly Account[];
  readonly powers?: JsonObject;
  readonly initialState?: readonly JsonObject[];
}

/** What the scenarios of a run share. */
export interface Scene {
  readonly peer: Peer;
  readonly accounts: Accounts;
  readonly observer: Observer;
  /** Makes the rooms, and sees what is in them. */
  readonly owner: Account;
  readonly other: Account;
  /** Both are in it, and may set any state. */
  readonly roomId: string;
  readonly maxDelayMs: number | undefined;
  readonly maxScheduled: number | undefined;
}

/** Makes the room that scenarios share. */
export async function openRoom(peer: Peer, owner: Account, other: Account): Promise<string> {
  const powers = { state_default: 0, events_default: 0 };
  const body = { preset: 'public_chat', power_level_content_override: powers };
  const made = await peer.ask('POST', `${C}/createRoom`, { token: owner.token, body });
  const roomId = need(made, 'making a room').body['room_id'];
  if (typeof roomId !== 'string') throw new NotApplicable('a room was made that has no id');
  const path = `${C}/join/${segment(roomId)}`;
  need(await peer.ask('POST', path, { token: other.token, body: {} }), 'joining a room');
  return roomId;
}

let stages = 0;

/** Where one scenario happens: names of its own, and the verbs that all of them want. */
export class Stage {
  readonly scene: Scene;
  readonly peer: Peer;
  readonly owner: Account;
  readonly other: Account;
  readonly roomId: string;
  /** A type of events that only this scenario sends. */
  readonly type: string;
  readonly notes: string[] = [];
  readonly #sendsAtAll: boolean;
  readonly #afterwards: (() => Promise<unknown>)[] = [];
  readonly #mark: string;
  #names = 0;
  #mostLateMs = 0;

  constructor(scene: Scene, run: string, sendsAtAll: boolean) {
    stages += 1;
    this.scene = scene;
    this.peer = scene.peer;
    this.owner = scene.owner;
    this.other = scene.other;
    this.roomId = scene.roomId;
    this.#sendsAtAll = sendsAtAll;
    this.#mark = `${run}.${stages}`;
    this.type = this.newType();
  }

  /** A name that nobody else has. */
  newName(): string {
    this.#names += 1;
    return `${this.#mark}.${this.#names}`;
  }

  newType(): string {
    return `org.example.conformance.${this.newName()}`;
  }

  /** Says something of the peer that is neither right nor wrong. */
  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  /** Is done when the scenario is over, however it ended. */
  afterwards(work: () => Promise<unknown>): void {
    this.#afterwards.push(work);
  }

  /** Cleans up. */
  async close(): Promise<void> {
    const seconds = this.#mostLateMs / 1_000;
    if (seconds > WORTH_A_NOTE_S) this.note(`an event came ${seconds.toFixed(1)} s after its time`);
    await Promise.allSettled(this.#afterwards.map((work) => work()));
  }

  async makeRoom(wishes: RoomWishes = {}): Promise<string> {
    const body = {
      preset: 'public_chat',
      ...(wishes.version === undefined ? {} : { room_version: wishes.version }),
      ...(wishes.powers === undefined ? {} : { power_level_content_override: wishes.powers }),
      ...(wishes.initialState === undefined ? {} : { initial_state: wishes.initialState }),
    };
    const made = await this.peer.ask('POST', `${C}/createRoom`, { token: this.owner.token, body });
    const roomId = need(made, 'making a room').body['room_id'];
    if (typeof roomId !== 'string') throw new NotApplicable('a room was made that has no id');
    for (const member of wishes.members ?? []) await this.join(roomId, member);
    return roomId;
  }

  join(roomId: string, account: Account): Promise<void> {
    return this.#changeMembership(roomId, account, 'join', {});
  }

  leave(roomId: string, account: Account): Promise<void> {
    return this.#changeMembership(roomId, account, 'leave', {});
  }

  ban(roomId: string, account: Account): Promise<void> {
    return this.#changeMembership(roomId, this.owner, 'ban', { user_id: account.userId });
  }

  /** Lets a user set state in a room, besides those who may already; or not any more. */
  async setPower(roomId: string, account: Account, power: number): Promise<void> {
    const before = need(await this.state(roomId, 'm.room.power_levels', ''), 'reading the power levels').body;
    const body = { ...before, users: { ...objectIn(before, 'users'), [account.userId]: power } };
    need(await this.setState(roomId, this.owner, 'm.room.power_levels', '', body), 'setting power levels');
  }

  setState(roomId: string, by: Account, type: string, key: string, body: JsonObject): Promise<Answer> {
    return this.peer.ask('PUT', this.#statePath(roomId, type, key), { token: by.token, body });
  }

  state(roomId: string, type: string, key: string, by = this.owner): Promise<Answer> {
    return this.peer.ask('GET', this.#statePath(roomId, type, key), { token: by.token });
  }

  send(roomId: string, by: Account, type: string, body: JsonObject, txnId?: string): Promise<Answer> {
    const path = `${C}/rooms/${segment(roomId)}/send/${segment(type)}/${segment(txnId ?? this.newName())}`;
    return this.peer.ask('PUT', path, { token: by.token, body });
  }

  /** The newest events of one type in a room, oldest first, as one of its members reads them. */
  async eventsOf(roomId: string, type: string, by = this.owner): Promise<JsonObject[]> {
    const filter = segment(JSON.stringify({ types: [type] }));
    const path = `${C}/rooms/${segment(roomId)}/messages?dir=b&limit=100&filter=${filter}`;
    const answer = need(await this.peer.ask('GET', path, { token: by.token }), 'reading a room');
    return listIn(answer.body, 'chunk')
      .filter((event) => event['type'] === type)
      .toReversed();
  }

  /** What /sync says to a user of one room: all, or what is new since a token, for which it waits. */
  async sync(roomId: string, by: Account, since?: string): Promise<Answer> {
    const none = { types: [] };
    const room = { rooms: [roomId], ephemeral: none, account_data: none };
    const filter = segment(JSON.stringify({ presence: none, account_data: none, room }));
    const from = since === undefined ? 'timeout=0' : `timeout=15000&since=${segment(since)}`;
    const path = `${C}/sync?filter=${filter}&${from}`;
    return need(await this.peer.ask('GET', path, { token: by.token }), 'a /sync');
  }

  /** The answer to a waiting /sync that brings an event of a type, if one does in time. */
  async syncUntil(
    roomId: string,
    by: Account,
    since: string,
    awaited: { readonly type: string; readonly due: Due },
  ): Promise<Answer | undefined> {
    let from = since;
    while (Date.now() < awaited.due.latestMs + this.#patienceMs) {
      const answer = await this.sync(roomId, by, from);
      const room = objectIn(objectIn(objectIn(answer.body, 'rooms'), 'join'), roomId);
      const events = listIn(objectIn(room, 'timeline'), 'events');
      if (events.some(({ type }) => type === awaited.type)) return answer;
      from = textIn(answer, 'next_batch', 'a waiting /sync');
    }
    return undefined;
  }

  /** The event of this type that is due, which must come in time, not before, and once. */
  async expectOne(roomId: string, type: string, due: Due): Promise<JsonObject> {
    const seen = await this.arrival(roomId, type, due);
    check(seen !== undefined, `no event comes within ${ALLOWED_LATENESS_MS / 1_000} s of its time`);
    const earlyMs = due.earliestMs - seen.seenMs;
    check(earlyMs <= TOLERATED_EARLY_MS, `the event comes ${earlyMs} ms before its time`);
    this.#mostLateMs = Math.max(this.#mostLateMs, seen.seenMs - due.latestMs);
    const all = await this.eventsOf(roomId, type);
    check(all.length === 1, `${all.length} events are in the room, not one`);
    return seen.event;
  }

  /** The first event of a type in a room, if there is one in time. */
  arrival(roomId: string, type: string, due: Due): Promise<Sighting | undefined> {
    return this.sighting(due.latestMs, (event, where) => where === roomId && event['type'] === type);
  }

  /** The first event that fits, if there is one in time. */
  sighting(
    dueMs: number,
    fits: (event: JsonObject, roomId: string) => boolean,
  ): Promise<Sighting | undefined> {
    const untilMs = dueMs + this.#patienceMs;
    return this.scene.observer.first(({ event, roomId }) => fits(event, roomId), untilMs);
  }

  /**
   * Waits until whatever would be due by then has been sent: another event, which is due a little later, shows it. A
   * peer that sends nothing in time shows nothing by its silence either.
   */
  async waitOut(api: SendsLater, dueMs: number, roomId = this.roomId): Promise<void> {
    const canary = this.newType();
    const delayMs = Math.max(dueMs - Date.now(), 0) + CANARY_AFTER_MS;
    if (!this.#sendsAtAll)
      throw new NotApplicable('the peer sends nothing in time, so that silence shows nothing');
    const due = await api.sendLater(this, canary, delayMs, { roomId });
    const seen = await this.arrival(roomId, canary, due);
    if (seen === undefined) throw new NotApplicable('an event that was to end the wait did not come');
  }

  /** No event of this type may come, by the time at which one would have been due. */
  async expectNone(api: SendsLater, type: string, dueMs: number, roomId = this.roomId): Promise<void> {
    await this.waitOut(api, dueMs, roomId);
    const all = await this.eventsOf(roomId, type);
    check(all.length === 0, `${all.length} events of the kind that must not be sent are in the room`);
  }

  /** Throws `NotApplicable` when a request took so long that what follows would say nothing. */
  expectInTime(answer: Answer, byMs: number): void {
    if (answer.answeredMs >= byMs) throw new NotApplicable('the answers took too long to tell');
  }

  /** Likewise, for all requests up to now. */
  expectBefore(byMs: number): void {
    if (Date.now() >= byMs) throw new NotApplicable('the answers took too long to tell');
  }

  async sleepUntil(atMs: number): Promise<void> {
    await sleep(Math.max(0, atMs - Date.now()));
  }

  get #patienceMs(): number {
    return this.#sendsAtAll ? ALLOWED_LATENESS_MS + SLACK_MS : SLACK_MS;
  }

  async #changeMembership(roomId: string, by: Account, how: string, body: JsonObject): Promise<void> {
    const path = `${C}/rooms/${segment(roomId)}/${how}`;
    need(await this.peer.ask('POST', path, { token: by.token, body }), `a ${how}`);
  }

  #statePath(roomId: string, type: string, key: string): string {
    return `${C}/rooms/${segment(roomId)}/state/${segment(type)}/${segment(key)}`;
  }
}
