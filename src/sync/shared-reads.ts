import { LRUCache } from 'lru-cache';
import type { Db } from '../storage/database.ts';
import { listTimeline, type StoredEvent, type TimelineRange } from '../storage/events.ts';
import type { StateRoot } from '../storage/state-node.ts';
import { listStateRootsAt } from '../storage/sync-reading.ts';

const MOST_TIMELINES = 100;
const MOST_ROOTS = 50_000;

/**
 * What many readers read alike: those who are woken by one change ask the database once between them. Positions must be
 * such as the hub has told of.
 */
export class SharedReads {
  readonly #db: Db;
  readonly #toldUpTo: () => number;
  readonly #timelines = new LRUCache<string, Promise<StoredEvent[]>>({ max: MOST_TIMELINES });
  readonly #roots = new LRUCache<string, Promise<StateRoot | undefined>>({ max: MOST_ROOTS });
  readonly #rootsAt = new LRUCache<string, Promise<ReadonlyMap<number, StateRoot>>>({ max: MOST_TIMELINES });

  /** `toldUpTo` gives the position up to which everything has been told. */
  constructor(db: Db, toldUpTo: () => number) {
    this.#db = db;
    this.#toldUpTo = toldUpTo;
  }

  /** A stretch of a room's timeline, as {@link listTimeline} reads it. */
  listTimeline(range: TimelineRange): Promise<StoredEvent[]> {
    const { roomNid, after, upTo, limit, newestFirst } = range;
    // What becomes of an event later, such as its redaction, comes with a position of its own.
    const key = `${roomNid} ${after} ${upTo} ${limit} ${newestFirst} ${this.#toldUpTo()}`;
    return share(this.#timelines, key, () => listTimeline(this.#db, range));
  }

  /** The state roots that were current in a room at some positions, which never changes; see {@link listStateRootsAt}. */
  findStateRoots(roomNid: number, positions: readonly number[]): Promise<ReadonlyMap<number, StateRoot>> {
    const key = `${roomNid} ${positions.join(' ')}`;
    return share(this.#rootsAt, key, () => this.#findStateRoots(roomNid, positions));
  }

  async #findStateRoots(roomNid: number, positions: readonly number[]): Promise<Map<number, StateRoot>> {
    const keyOf = (position: number): string => `${roomNid} ${position}`;
    const missing = positions.filter((position) => !this.#roots.has(keyOf(position)));
    const read = missing.length === 0 ? undefined : listStateRootsAt(this.#db, roomNid, missing);
    const roots = new Map<number, StateRoot>();
    const found = positions.map(async (position): Promise<void> => {
      const root = await share(this.#roots, keyOf(position), async () => (await read)?.get(position));
      if (root !== undefined) roots.set(position, root);
    });
    await Promise.all(found);
    return roots;
  }
}

/** What is being read or has been; what failed is read again by who asks next. */
function share<T extends object | undefined | string>(
  cache: LRUCache<string, Promise<T>>,
  key: string,
  read: () => Promise<T>,
): Promise<T> {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const reading = read();
  cache.set(key, reading);
  reading.catch(() => cache.delete(key));
  return reading;
}
