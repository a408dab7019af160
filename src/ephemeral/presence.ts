import { LRUCache } from 'lru-cache';
import { forbidden } from '../matrix/errors.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import { allotPositions, inTransaction, type Db } from '../storage/database.ts';
import {
  findNextPresenceDue,
  findPresence,
  listDuePresence,
  listRoomNidsOf,
  lockPresence,
  putPresence,
  refreshPresence,
  sharesRoom,
  type Presence,
  type PresenceState,
} from '../storage/presence.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import { findUserNid } from '../storage/users.ts';
import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { Alarm } from './alarm.ts';
import {
  afterActing,
  afterSaying,
  afterSync,
  GONE_AFTER_MS,
  GRANULARITY_MS,
  NEVER_THERE,
  nextChangeAt,
  settled,
  stateAt,
} from './presence-state.ts';
import type { Participant } from './room-membership.ts';

export interface PresenceDeps {
  readonly db: Db;
  readonly hub: Pick<StreamHub, 'announce'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A client of a user. */
export interface PresentClient extends Participant {
  readonly deviceId: DeviceId;
}

const MOST_AT_ONCE = 500;
/** Longer than any client waits in one request. */
const LONGEST_SYNC_MS = 10 * 60_000;
const MOST_AT_HAND = 50_000;

/** What this process has written last of a client: repeats of it need not even look into the database. */
interface Noted {
  readonly says: PresenceState;
  readonly untilTs: number;
}

/**
 * Who is there. What a client says, and that it syncs, is written down at most once a minute unless it changes what
 * others see; only that takes a position in the stream. States that end by themselves are ended by whichever process
 * comes first. What is asked for is worked out from the times, and so is right even before that.
 * https://spec.matrix.org/v1.19/client-server-api/#presence
 */
export class PresenceBoard implements AsyncDisposable {
  readonly #deps: PresenceDeps;
  readonly #alarm: Alarm;
  readonly #noted = new LRUCache<string, Noted>({ max: MOST_AT_HAND });
  readonly #acted = new LRUCache<number, number>({ max: MOST_AT_HAND });
  readonly #sent = new LRUCache<UserId, number>({ max: MOST_AT_HAND });
  readonly #inBackground = new Set<Promise<void>>();

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm({ ...deps, work: () => this.#settleDue() });
  }

  /** Ends the states that ended while no process ran, and from now on those that do. */
  start(): void {
    this.#alarm.set(this.#deps.clock.nowMs());
  }

  /**
   * A client begins a /sync that takes up to `timeoutMs`, and says what its user is meanwhile. `offline` says nothing
   * at all. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
   */
  async noteSync(client: PresentClient, says: PresenceState, timeoutMs: number): Promise<void> {
    if (says === 'offline') return;
    const { deviceId } = client;
    const nowMs = this.#deps.clock.nowMs();
    const endsTs = nowMs + Math.min(Math.max(timeoutMs, 0), LONGEST_SYNC_MS);
    const noted = this.#noted.get(noteKey(client));
    if (noted?.says === says && noted.untilTs >= endsTs + GONE_AFTER_MS) return;
    const untilTs = endsTs + GONE_AFTER_MS + GRANULARITY_MS;
    await this.#change(client.userNid, (presence) => afterSync(presence, { deviceId, says, untilTs }, nowMs));
    this.#noted.set(noteKey(client), { says, untilTs });
  }

  /** The user does something that only people do: sends an event, types, reads. */
  async noteActivity(userNid: number): Promise<void> {
    const nowMs = this.#deps.clock.nowMs();
    const last = this.#acted.get(userNid);
    if (last !== undefined && nowMs < last + GRANULARITY_MS) return;
    this.#acted.set(userNid, nowMs);
    if ((await findPresence(this.#deps.db, userNid)) === undefined) return;
    await this.#change(userNid, (presence) => afterActing(presence, nowMs));
  }

  /** The same for who sends an event, by name and without waiting; users of other servers do not count. */
  noteSender(userId: UserId): void {
    const nowMs = this.#deps.clock.nowMs();
    const last = this.#sent.get(userId);
    if (last !== undefined && nowMs < last + GRANULARITY_MS) return;
    this.#sent.set(userId, nowMs);
    const noting = this.#noteByName(userId)
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, 'could not note that a user is active'))
      .finally(() => this.#inBackground.delete(noting));
    this.#inBackground.add(noting);
  }

  /**
   * The user says what they are. Throws 403 M_FORBIDDEN when it is about another user.
   * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3presenceuseridstatus
   */
  async say(
    client: PresentClient,
    userId: UserId,
    said: { readonly state: PresenceState; readonly statusMsg: string | undefined },
  ): Promise<void> {
    if (client.userId !== userId) throw forbidden(`${client.userId} does not speak for ${userId}.`);
    const { userNid, deviceId } = client;
    const nowMs = this.#deps.clock.nowMs();
    await this.#change(userNid, (presence) => afterSaying(presence, { deviceId, ...said }, nowMs));
    this.#noted.delete(noteKey(client));
    this.#acted.delete(userNid);
    this.#sent.delete(userId);
  }

  /**
   * A user's presence as it is now; who was never there is offline. Throws 403 M_FORBIDDEN for users with whom the
   * viewer shares no room. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3presenceuseridstatus
   */
  async get(viewer: Participant, userId: UserId): Promise<Presence> {
    const { db, clock } = this.#deps;
    const userNid = await findUserNid(db, userId);
    if (userNid === undefined || !(await sharesRoom(db, viewer.userNid, userNid)))
      throw forbidden(`${viewer.userId} shares no room with ${userId}.`);
    return settled((await findPresence(db, userNid)) ?? NEVER_THERE, clock.nowMs());
  }

  /** Resolves when no state is being ended and nothing is being noted. */
  async idle(): Promise<void> {
    await Promise.all([this.#alarm.idle(), ...this.#inBackground]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#alarm[Symbol.asyncDispose]();
    await Promise.all(this.#inBackground);
  }

  async #noteByName(userId: UserId): Promise<void> {
    const userNid = await findUserNid(this.#deps.db, userId);
    if (userNid !== undefined) await this.noteActivity(userNid);
  }

  async #change(userNid: number, next: (presence: Presence) => Presence): Promise<void> {
    const { db, clock } = this.#deps;
    const before = await findPresence(db, userNid);
    if (before !== undefined) {
      const after = next(before);
      const dueTs = nextChangeAt(after, clock.nowMs());
      const isSame = after.state === before.state && after.statusMsg === before.statusMsg;
      if (isSame && (await refreshPresence(db, userNid, before, after, dueTs))) return this.#alarm.set(dueTs);
    }
    const { position, dueTs } = await inTransaction(db, async (tx) => {
      const allotted = await allotPositions(tx, 1);
      const after = next((await lockPresence(tx, [userNid]))[0] ?? NEVER_THERE);
      const due = nextChangeAt(after, clock.nowMs());
      await putPresence(tx, userNid, after, due, allotted);
      return { position: allotted, dueTs: due };
    });
    this.#alarm.set(dueTs);
    await this.#announce(position, [userNid]);
  }

  /** Ends the states whose time has come; the answer is when the next one's does. */
  async #settleDue(): Promise<number | undefined> {
    const { db, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const due = await listDuePresence(db, nowMs, MOST_AT_ONCE);
    if (due.length > 0) {
      const { position, changed } = await this.#settle(due, nowMs);
      if (changed.length > 0) await this.#announce(position, changed);
    }
    return findNextPresenceDue(db);
  }

  #settle(
    userNids: readonly number[],
    nowMs: number,
  ): Promise<{ readonly position: number; readonly changed: readonly number[] }> {
    return inTransaction(this.#deps.db, async (tx) => {
      const position = await allotPositions(tx, 1);
      const changed: number[] = [];
      for (const { userNid, userId: _, ...presence } of await lockPresence(tx, userNids)) {
        const dueTs = nextChangeAt(presence, nowMs);
        if (stateAt(presence, nowMs) === presence.state) {
          await refreshPresence(tx, userNid, presence, presence, dueTs);
          continue;
        }
        await putPresence(tx, userNid, settled(presence, nowMs), dueTs, position);
        changed.push(userNid);
      }
      return { position, changed };
    });
  }

  async #announce(position: number, userNids: readonly number[]): Promise<void> {
    const ephemeralRoomNids = await listRoomNidsOf(this.#deps.db, userNids);
    this.#deps.hub.announce({ position, roomNids: [], userNids, ephemeralRoomNids });
  }
}

function noteKey(client: PresentClient): string {
  return `${client.userNid} ${client.deviceId}`;
}
