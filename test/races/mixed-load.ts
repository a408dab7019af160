import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import { textAt, type TestReply, type TestUser } from '../support/server.ts';
import type { Ask, Fleet } from './fleet.ts';
import type { RoomView, SyncedView } from './synced-view.ts';

const C = '/_matrix/client/v3';
const NOTE = 'org.example.note';
const SLOT = 'org.example.slot';
const PLACE = 'org.example.place';

interface SentMessage {
  readonly roomId: string;
  readonly eventId: string;
}

interface MadeFuture {
  readonly roomId: string;
  /** The event of its action, if the client was told of one. */
  actionEventId: string | undefined;
  /** Whether the client cancelled it, or asked to and was told that it had ended. */
  isCancelled: boolean;
  isCancelTried: boolean;
}

/** Something that the client overwrites: what it was told was written last, and what may have been written since. */
class Register {
  #told: JsonValue | undefined;
  #untold: JsonValue[] = [];

  wasWritten(value: JsonValue): void {
    this.#told = value;
    this.#untold = [];
  }

  mayBeWritten(value: JsonValue): void {
    this.#untold.push(value);
  }

  allows(value: JsonValue | undefined): boolean {
    return value === this.#told || (value !== undefined && this.#untold.includes(value));
  }

  toString(): string {
    return `${JSON.stringify(this.#told)}, or one of ${JSON.stringify(this.#untold)}`;
  }
}

/**
 * Users who write whatever there is to write, each one thing after the other, and keep a record of what they were told.
 * What has a transaction id, or may be said twice, they repeat until it is answered.
 */
export class MixedLoad {
  /** By their text, which is in no other message. */
  readonly #messages = new Map<string, SentMessage>();
  readonly #futures = new Map<number, MadeFuture>();
  /** Numbers of to-device messages by the user that they are for. */
  readonly #notes = new Map<string, number[]>();
  readonly #registers = new Map<string, Register>();
  readonly #fleet: Fleet;
  readonly #users: readonly TestUser[];
  readonly #roomIds: readonly string[];
  #count = 0;
  #granted = 0;
  #resting: (() => void)[] = [];
  #isOver = false;

  constructor(fleet: Fleet, users: readonly TestUser[], roomIds: readonly string[]) {
    this.#fleet = fleet;
    this.#users = users;
    this.#roomIds = roomIds;
  }

  /** Has everyone work off what is {@link grant}ed, until {@link end}. Rejects when an answer is wrong. */
  async work(): Promise<void> {
    await Promise.all(
      this.#users.map(async (user, client) => {
        while (await this.#mayGoOn()) await this.#step(client, user);
      }),
    );
  }

  /** Gives everyone together so much more to do. */
  grant(steps: number): void {
    this.#granted += steps;
    for (const goOn of this.#resting.splice(0)) goOn();
  }

  /** Whatever is granted and not begun is left. */
  end(): void {
    this.#isOver = true;
    this.grant(0);
  }

  /** Something in each room, and then something for each device, that all readers must come to see. */
  async mark(): Promise<void> {
    for (const roomId of this.#roomIds) await this.#send(0, this.#userAt(0), roomId, this.#next());
    for (const user of this.#users) await this.#note(0, this.#userAt(0), user, this.#next());
  }

  /** Whether a client has everything of {@link mark}, and so all that came before. */
  hasReached(view: SyncedView, user: TestUser): boolean {
    const last = this.#notes.get(user.userId)?.at(-1);
    return last !== undefined && view.notes.includes(last);
  }

  /** Fails unless a client knows all that was acknowledged, and nothing twice. */
  check(view: SyncedView, user: TestUser): void {
    const notes = this.#notes.get(user.userId) ?? [];
    assert.deepEqual(view.notes.toSorted(byNumber), notes.toSorted(byNumber), 'to-device messages');
    for (const [body, { roomId, eventId }] of this.#messages)
      assert.deepEqual(view.room(roomId).saying.get(body), [eventId], body);
    for (const [index, future] of this.#futures) checkFuture(view.room(future.roomId), index, future);
    const allowed = (key: string, value: JsonValue | undefined): void => {
      const register = this.#registers.get(key);
      if (register !== undefined)
        assert.ok(register.allows(value), `${key} is ${JSON.stringify(value)}, not ${String(register)}`);
    };
    for (const { userId } of this.#users) {
      for (const roomId of this.#roomIds) {
        const room = view.room(roomId);
        allowed(`receipt ${userId} ${roomId}`, room.receipts.get(userId));
        const slot = room.state.get(`${SLOT} ${userId}`);
        allowed(`state ${userId} ${roomId}`, slot === undefined ? undefined : room.sayings.get(slot));
      }
    }
    for (const roomId of this.#roomIds)
      allowed(`place ${user.userId} ${roomId}`, numberIn(view.room(roomId).accountData.get(PLACE)));
    allowed(`place ${user.userId}`, numberIn(view.accountData.get(PLACE)));
  }

  async #mayGoOn(): Promise<boolean> {
    while (this.#granted === 0 && !this.#isOver)
      await new Promise<void>((resolve) => this.#resting.push(resolve));
    this.#granted -= 1;
    return !this.#isOver;
  }

  async #step(client: number, user: TestUser): Promise<void> {
    const n = this.#next();
    const roomId = this.#roomIds[n % this.#roomIds.length] ?? '';
    const kind = Math.floor(Math.random() * 10);
    if (kind < 3) await this.#send(client, user, roomId, n);
    else if (kind < 4) await this.#setState(client, user, roomId, n);
    else if (kind < 6) await this.#note(client, user, this.#userAt(n), n);
    else if (kind < 7) await this.#setPlace(client, user, n % 2 === 0 ? roomId : undefined, n);
    else if (kind < 8) await this.#read(client, user, roomId);
    else await this.#makeFuture(client, user, roomId, n);
  }

  async #send(client: number, token: TestUser, roomId: string, n: number): Promise<void> {
    const text = `message ${n}`;
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/m.room.message/t${n}`;
    const reply = await this.#repeat(client, { method: 'PUT', path, token, body: message(text) });
    this.#messages.set(text, { roomId, eventId: textAt(reply.body, 'event_id') });
  }

  /** No transaction id protects state: it is not repeated. */
  async #setState(client: number, token: TestUser, roomId: string, n: number): Promise<void> {
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/state/${SLOT}/${encodeURIComponent(token.userId)}`;
    const body = { n };
    const reply = await this.#fleet.ask(client, { method: 'PUT', path, token, body, isRepeatable: false });
    const register = this.#register(`state ${token.userId} ${roomId}`);
    if (reply === undefined) register.mayBeWritten(n);
    else register.wasWritten(n);
  }

  async #note(client: number, token: TestUser, to: TestUser, n: number): Promise<void> {
    const path = `${C}/sendToDevice/${NOTE}/t${n}`;
    const body = { messages: { [to.userId]: { [to.deviceId]: { n } } } };
    await this.#repeat(client, { method: 'PUT', path, token, body });
    this.#notes.set(to.userId, [...(this.#notes.get(to.userId) ?? []), n]);
  }

  async #setPlace(client: number, token: TestUser, roomId: string | undefined, n: number): Promise<void> {
    const owner = `${C}/user/${encodeURIComponent(token.userId)}`;
    const path = `${owner}${roomId === undefined ? '' : `/rooms/${encodeURIComponent(roomId)}`}/account_data/${PLACE}`;
    await this.#repeat(client, { method: 'PUT', path, token, body: { n } });
    this.#register(`place ${token.userId}${roomId === undefined ? '' : ` ${roomId}`}`).wasWritten(n);
  }

  async #read(client: number, token: TestUser, roomId: string): Promise<void> {
    const last = [...this.#messages.values()].findLast((sent) => sent.roomId === roomId);
    if (last === undefined) return;
    const room = encodeURIComponent(roomId);
    const path = `${C}/rooms/${room}/receipt/m.read/${encodeURIComponent(last.eventId)}`;
    await this.#repeat(client, { method: 'POST', path, token, body: {} });
    this.#register(`receipt ${token.userId} ${roomId}`).wasWritten(last.eventId);
  }

  async #makeFuture(client: number, token: TestUser, roomId: string, n: number): Promise<void> {
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/future/t${n}`;
    const later = (text: string): JsonObject => ({
      type: 'm.room.message',
      content: message(`${text} ${n}`),
    });
    const body = {
      timeout_ms: 20 + ((n * 37) % 1_500),
      send_now: later('now'),
      send_on_timeout: later('timeout'),
      send_on_action: { go: later('action') },
    };
    const made = await this.#repeat(client, { method: 'PUT', path, token, body });
    const future: MadeFuture = { roomId, actionEventId: undefined, isCancelled: false, isCancelTried: false };
    this.#futures.set(n, future);
    const ask = async (what: string): Promise<TestReply> =>
      this.#repeat(client, {
        method: 'POST',
        path: `${C}/futures/${what}`,
        token,
        body: { future_token: textAt(made.body, 'future_token') },
        statuses: [200, 410],
      });
    if (n % 3 === 0) await ask('refresh');
    if (n % 5 === 0) {
      const acted = await ask('action/go');
      if (acted.status === 200) future.actionEventId = textAt(acted.body, 'event_id');
    } else if (n % 7 === 0) {
      future.isCancelTried = true;
      future.isCancelled = (await ask('cancel')).status === 200;
    }
  }

  async #repeat(client: number, ask: Omit<Ask, 'isRepeatable'>): Promise<TestReply> {
    const reply = await this.#fleet.ask(client, { ...ask, isRepeatable: true });
    assert.ok(reply);
    return reply;
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }

  #userAt(index: number): TestUser {
    const user = this.#users[index % this.#users.length];
    assert.ok(user);
    return user;
  }

  #register(key: string): Register {
    const register = this.#registers.get(key) ?? new Register();
    this.#registers.set(key, register);
    return register;
  }
}

function checkFuture(room: RoomView, index: number, future: MadeFuture): void {
  assert.equal(room.saying.get(`now ${index}`)?.length, 1, `send_now of ${index}`);
  const timeouts = room.saying.get(`timeout ${index}`) ?? [];
  const actions = room.saying.get(`action ${index}`) ?? [];
  const ends = timeouts.length + actions.length;
  if (future.isCancelled) assert.equal(ends, 0, `${index} was cancelled`);
  else if (!future.isCancelTried) assert.equal(ends, 1, `${index} has ended once`);
  else assert.ok(ends <= 1, `${index} has ended once at most`);
  if (future.actionEventId !== undefined) assert.deepEqual(actions, [future.actionEventId]);
}

function numberIn(content: JsonValue | undefined): JsonValue | undefined {
  return isJsonObject(content) ? content['n'] : undefined;
}

function byNumber(a: JsonValue, b: JsonValue): number {
  return Number(a) - Number(b);
}

function message(body: string): JsonObject {
  return { msgtype: 'm.text', body };
}
