import { currentPosition, inTransaction, type Db, type Tx } from '../storage/database.ts';
import {
  deleteRedactedTexts,
  findOldestPosition,
  insertSearchableTexts,
  isSearchBehind,
  listEventsToIndex,
  lockSearchProgress,
  setSearchProgress,
  type EventToIndex,
  type SearchableTextTable,
} from '../storage/search.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { isJsonObject } from '../util/json.ts';
import type { Log } from '../util/log.ts';
import { tsVectorOf } from './search-term.ts';
import { SEARCHABLE_TYPES, searchableText } from './searchable-text.ts';

export interface SearchIndexDeps {
  readonly db: Db;
  readonly hub: Pick<StreamHub, 'subscribe'>;
  readonly clock: Clock;
  readonly log: Log;
}

const EVENTS_AT_ONCE = 1_000;
/** So long after something has happened it is looked at, together with all that has happened since. */
const REST_MS = 5_000;

/**
 * Keeps what can be searched close behind the stream.
 *
 * ```
 *             a room changed                 5 s later
 *   resting ─────────────────► due ──────────────────────► moving: batch by batch, in one transaction each
 *      ▲                                                     │  ▲
 *      └──────────── at the end of the stream ◄──────────────┘  └── a search that needs the rest
 * ```
 *
 * How far it has come is a row. Any number of processes may move it: whoever holds the row's lock does, the others
 * wait and find the work done.
 */
export class SearchIndex implements AsyncDisposable {
  readonly #deps: SearchIndexDeps;
  #moving: Promise<void> | undefined;
  #working: Promise<void> | undefined;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #isStopped = false;

  constructor(deps: SearchIndexDeps) {
    this.#deps = deps;
  }

  /** Follows the stream from then on, and looks at what happened before. Does not wait for that. */
  start(): void {
    this.#unsubscribe = this.#deps.hub.subscribe(({ roomNids }) => {
      if (roomNids.length > 0) this.#setTimer();
    });
    this.#setTimer();
  }

  /**
   * Resolves when everything can be found that was committed before the call, by whichever process, or when the signal
   * says that nobody waits any more. Rejects when the database is away.
   */
  async catchUp(signal?: AbortSignal): Promise<void> {
    const { db } = this.#deps;
    const upTo = await currentPosition(db);
    const isWanted = (): boolean => !this.#isStopped && signal?.aborted !== true;
    while (isWanted() && (await isSearchBehind(db, upTo))) {
      this.#moving ??= inTransaction(db, indexBatch).finally(() => {
        this.#moving = undefined;
      });
      await this.#moving;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe?.();
    this.#timer?.cancel();
    await Promise.allSettled([this.#moving, this.#working]);
  }

  #setTimer(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    const { clock } = this.#deps;
    this.#timer = clock.schedule(clock.nowMs() + REST_MS, () => {
      this.#working = this.#catchUpQuietly();
    });
  }

  async #catchUpQuietly(): Promise<void> {
    try {
      await this.catchUp();
      this.#timer = undefined;
    } catch (error) {
      // The top of a long-running loop: the database is away, and what is left undone will be done late.
      this.#deps.log.warn({ err: error }, 'search cannot be brought up to date, trying again');
      this.#timer = undefined;
      this.#setTimer();
    }
  }
}

/** Looks at some of the events that nobody has looked at: what is new comes before what was backfilled. */
async function indexBatch(tx: Tx): Promise<void> {
  const { position, oldest } = await lockSearchProgress(tx);
  const newest = await currentPosition(tx);
  if (position < newest) {
    const reached = await indexRange(tx, { after: position, upTo: newest, newestFirst: false });
    await deleteRedactedTexts(tx, position, reached);
    await setSearchProgress(tx, { position: reached, oldest });
    return;
  }
  const bottom = await findOldestPosition(tx);
  if (bottom >= oldest) return;
  const reached = await indexRange(tx, { after: bottom - 1, upTo: oldest - 1, newestFirst: true });
  await setSearchProgress(tx, { position, oldest: reached });
}

/** Indexes a range from one end as far as a batch reaches: the position of the last event that was looked at. */
async function indexRange(
  tx: Tx,
  range: { readonly after: number; readonly upTo: number; readonly newestFirst: boolean },
): Promise<number> {
  const events = await listEventsToIndex(tx, { ...range, limit: EVENTS_AT_ONCE }, SEARCHABLE_TYPES);
  await insertSearchableTexts(tx, events.flatMap(textsOf));
  const last = events.length < EVENTS_AT_ONCE ? undefined : events.at(-1)?.position;
  return last ?? (range.newestFirst ? range.after + 1 : range.upTo);
}

function textsOf(event: EventToIndex): SearchableTextTable[] {
  const pdu: unknown = JSON.parse(event.json);
  const content = isJsonObject(pdu) ? pdu['content'] : undefined;
  if (!isJsonObject(content)) return [];
  const found = searchableText(event.type, content, event.edited !== undefined);
  const vector = found === undefined ? undefined : tsVectorOf(found.text, event.roomNid);
  if (found === undefined || vector === undefined) return [];
  return [
    {
      position: event.position,
      shown_position: event.edited?.position ?? null,
      key: found.key === 'content.body' ? null : found.key,
      vector,
    },
  ];
}
