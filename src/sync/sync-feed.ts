import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Db } from '../storage/database.ts';
import { listRoomsOfUser } from '../storage/memberships.ts';
import type { StateRoot } from '../storage/state-node.ts';
import type { StreamChange, StreamHub } from '../storage/stream-hub.ts';
import { listRoomsWithNews } from '../storage/sync-reading.ts';
import type { Clock } from '../util/clock.ts';
import { CountedCache, type CacheUse } from '../util/counted-cache.ts';
import { FilterMemory } from './filter-memory.ts';
import { NewestPositions } from './newest-positions.ts';
import type { KeyCounts } from './one-time-keys.ts';
import type { RoomSummary } from './room-summary.ts';
import { SharedReads } from './shared-reads.ts';
import { UserRooms } from './user-rooms.ts';
import { Waiters } from './waiters.ts';

const MOST_ROOMS_AT_HAND = 100_000;
const MOST_CHANGES_AT_HAND = 10_000;
const MOST_USERS_AT_HAND = 100_000;
const MOST_MEMBERSHIPS_AT_HAND = 300_000;
const MOST_SUMMARIES_AT_HAND = 10_000;
const MOST_DEVICES_AT_HAND = 100_000;

/**
 * What this process knows of the stream, so that a /sync asks the database only for what has changed: which rooms did
 * so last, the rooms of those who sync, and who waits. Make it when the hub has started.
 */
export class SyncFeed implements Disposable {
  readonly waiters: Waiters;
  /** Summaries by the state that they are of, which never changes. */
  readonly summaries = new LRUCache<StateRoot, RoomSummary>({ max: MOST_SUMMARIES_AT_HAND });
  /** The counts of one-time and fallback keys, by user and device. */
  readonly keyCounts = new LRUCache<string, KeyCounts>({ max: MOST_DEVICES_AT_HAND });
  /** Up to where mailboxes were emptied, by user and device. */
  readonly emptiedMailboxes = new LRUCache<string, number>({ max: MOST_DEVICES_AT_HAND });
  /** Filters by what requests name them with. */
  readonly filters = new FilterMemory();
  readonly reads: SharedReads;
  readonly #db: Db;
  readonly #hub: StreamHub;
  readonly #newest: NewestPositions;
  /** Rooms by what changed in them beside the timeline, and users by what concerns them. */
  readonly #newestEphemera: NewestPositions;
  readonly #newestOfUsers: NewestPositions;
  readonly #rooms = new CountedCache<number, UserRooms>({
    maxSize: MOST_MEMBERSHIPS_AT_HAND,
    sizeCalculation: ({ all }) => all.length + 1,
  });
  readonly #loading = new Map<number, Promise<UserRooms>>();
  readonly #unsubscribe: () => void;
  #nextTurn: Promise<void> | undefined;

  constructor(deps: { readonly db: Db; readonly hub: StreamHub; readonly clock: Clock }) {
    this.#db = deps.db;
    this.#hub = deps.hub;
    this.waiters = new Waiters(deps);
    this.reads = new SharedReads(deps.db, () => deps.hub.toldUpTo);
    const { toldUpTo } = deps.hub;
    this.#newest = new NewestPositions(toldUpTo, MOST_ROOMS_AT_HAND, MOST_CHANGES_AT_HAND);
    this.#newestEphemera = new NewestPositions(toldUpTo, MOST_ROOMS_AT_HAND, MOST_CHANGES_AT_HAND);
    this.#newestOfUsers = new NewestPositions(toldUpTo, MOST_USERS_AT_HAND);
    this.#unsubscribe = deps.hub.subscribe((change) => this.#hear(change));
  }

  /** Of the memberships of those who sync. */
  get cacheUse(): CacheUse {
    return this.#rooms.use;
  }

  /** The position up to which a reader that asks now is to read. */
  async catchUp(): Promise<number> {
    await this.#takeTurns();
    return this.#hub.catchUp();
  }

  /**
   * The same for a reader that was woken: where everything up to what woke it is told already, that is how far it reads, and the
   * database is not asked. Others have their turn first, such as the answer to whoever sent what woke it; then all who were woken
   * go on together, so that they read together.
   */
  async catchUpWith(noticed: number): Promise<number> {
    await this.#takeTurns();
    return this.#hub.toldUpTo >= noticed ? this.#hub.toldUpTo : this.#hub.catchUp();
  }

  /** The user's memberships, at least as new as what {@link catchUp} answered before the call, and maybe newer. */
  async roomsOf(userNid: number): Promise<UserRooms> {
    const known = this.#rooms.get(userNid) ?? this.#loading.get(userNid);
    if (known !== undefined) return known;
    const loading = loadRooms(this.#db, userNid);
    this.#loading.set(userNid, loading);
    try {
      const rooms = await loading;
      // If something happened to the user in the meantime, the answer may be too old for who asks next.
      if (this.#loading.get(userNid) === loading) this.#rooms.set(userNid, rooms);
      return rooms;
    } finally {
      if (this.#loading.get(userNid) === loading) this.#loading.delete(userNid);
    }
  }

  /** Whether something may have happened in one of the rooms after a position. */
  mayHaveNews(roomNids: ReadonlySet<number>, after: number): boolean {
    return (
      this.#newest.listChanged(roomNids, after).length > 0 ||
      this.#newestEphemera.listChanged(roomNids, after).length > 0
    );
  }

  /** Those of the rooms in which receipts, who types, or who is there may have changed after a position. */
  listRoomsWithEphemera(roomNids: ReadonlySet<number>, after: number): number[] {
    return this.#newestEphemera.listChanged(roomNids, after);
  }

  /** Whether something may have happened after a position that concerns the user, in whatever room or none. */
  mayConcern(userNid: number, after: number): boolean {
    return this.#newestOfUsers.mayHaveChanged(userNid, after);
  }

  /** Those of the rooms in which something may have happened in `(after, upTo]`; from memory where that reaches back so far. */
  async listRoomsWithNews(
    roomNids: ReadonlySet<number>,
    after: number,
    upTo: number,
  ): Promise<ReadonlySet<number>> {
    const changed = this.#newest.covers(after)
      ? this.#newest.listChanged(roomNids, after)
      : await listRoomsWithNews(this.#db, [...roomNids], after, upTo);
    return new Set(changed);
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  /** Resolves for all who ask in one turn of the event loop together, when it is over. */
  #takeTurns(): Promise<void> {
    this.#nextTurn ??= yieldToOthers().finally(() => {
      this.#nextTurn = undefined;
    });
    return this.#nextTurn;
  }

  #hear(change: StreamChange): void {
    this.#newest.note(change.roomNids, change.position);
    this.#newestEphemera.note(change.ephemeralRoomNids ?? [], change.position);
    this.#newestOfUsers.note(change.userNids, change.position);
    for (const userNid of change.userNids) {
      this.#rooms.delete(userNid);
      this.#loading.delete(userNid);
    }
    this.waiters.tell(change);
  }
}

async function loadRooms(db: Db, userNid: number): Promise<UserRooms> {
  return new UserRooms(await listRoomsOfUser(db, userNid));
}
