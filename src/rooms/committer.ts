import { commitRooms } from '../storage/commit.ts';
import type { Database } from '../storage/database.ts';
import type { RoomCommit, RoomCommitResult } from '../storage/room-commit.ts';
import type { Clock } from '../util/clock.ts';

const MOST_ROOMS_IN_BATCH = 200;

/** How one transaction went. */
export interface BatchReport {
  /** What became of each room's part; `lost`: nothing is known. */
  readonly outcomes: readonly (RoomCommitResult['kind'] | 'lost')[];
  /** How many events were committed. */
  readonly events: number;
  readonly ms: number;
}

interface Waiting {
  readonly room: RoomCommit;
  readonly resolve: (result: RoomCommitResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: while one batch is in flight the next one gathers, so that many rooms share a transaction and an
 * idle server adds no wait.
 *
 * ```
 *   idle ──submit──► in flight ──done, none waiting──► idle
 *                     │      ▲
 *                     └──────┘ done, some waiting: they are the next batch
 * ```
 */
export class Committer {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #onBatch: ((report: BatchReport) => void) | undefined;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: {
    readonly database: Database;
    readonly clock: Clock;
    readonly onBatch: ((report: BatchReport) => void) | undefined;
  }) {
    this.#database = deps.database;
    this.#clock = deps.clock;
    this.#onBatch = deps.onBatch;
  }

  /** How many rooms wait for the next transaction. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Commits one room's changes, together with whatever else waits. Rejects when the database is lost. */
  submit(room: RoomCommit): Promise<RoomCommitResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ room, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is in flight. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // One turn of the event loop: rooms that were decided at the same moment go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_ROOMS_IN_BATCH);
      await this.#commit(batch);
    }
    // In the same breath as the last look at the queue: whoever comes next must find it idle.
    this.#running = undefined;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const startedMs = this.#clock.nowMs();
    try {
      const results = await commitRooms(
        this.#database,
        batch.map((waiting) => waiting.room),
        this.#clock.nowMs(),
      );
      this.#onBatch?.({
        outcomes: batch.map(({ room }) => results.get(room.roomNid)?.kind ?? 'lost'),
        events: batch.reduce(
          (sum, { room }) => sum + (results.get(room.roomNid)?.kind === 'committed' ? room.events.length : 0),
          0,
        ),
        ms: this.#clock.nowMs() - startedMs,
      });
      const undone: Waiting[] = [];
      for (const waiting of batch) {
        const result = results.get(waiting.room.roomNid);
        if (result === undefined) waiting.reject(new Error('a room of a commit was not answered for'));
        else if (result.kind === 'undone') undone.push(waiting);
        else waiting.resolve(result);
      }
      this.#waiting.unshift(...undone);
    } catch (error) {
      const ms = this.#clock.nowMs() - startedMs;
      this.#onBatch?.({ outcomes: batch.map(() => 'lost' as const), events: 0, ms });
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
