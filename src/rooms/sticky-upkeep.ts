import type { Db } from '../storage/database.ts';
import { deleteExpiredSticky, listSoftFailedSticky } from '../storage/sticky-events.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { asMatrixEvent } from './load-facts.ts';
import type { Pipeline } from './pipeline.ts';
import type { CommittedChange } from './room-queue.ts';

export interface StickyUpkeepDeps {
  readonly db: Db;
  readonly pipeline: Pick<Pipeline, 'submit'>;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_EVERY_MS = 10 * 60_000;
const RETRY_MS = 5_000;
const MOST_AT_ONCE = 500;

/**
 * Proposes sticky events of other servers again that were soft-failed when they came, once their sender's membership
 * has changed: servers that saw things happen in another order come to agree on what is sticky. And forgets what is
 * sticky no more. https://github.com/matrix-org/matrix-spec-proposals/pull/4354
 *
 * ```
 *              a membership that changes, the start, the timer
 *   resting ───────────────────────────────────────────────────► looking: at the rooms noted, or at everything
 *      ▲                                                             │
 *      └────── the timer is set to look again, ◄─────────────────────┘
 *              soon when the database is away
 * ```
 *
 * What is not done when a process ends is done by the next look of any.
 */
export class StickyUpkeep implements AsyncDisposable {
  readonly #deps: StickyUpkeepDeps;
  /** By room, whose membership has changed. */
  readonly #changed = new Map<number, Set<number>>();
  #isAllDue = false;
  #looking: Promise<void> | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(deps: StickyUpkeepDeps) {
    this.#deps = deps;
  }

  /** Looks at everything, and again from time to time. Does not wait for that. */
  start(): void {
    this.#isAllDue = true;
    this.#wake();
  }

  /** Called after a commit of this process. Events of this server are never soft-failed. */
  note({ roomNid, memberships }: CommittedChange): void {
    const remote = memberships.filter((member) => !member.isLocal);
    if (remote.length === 0) return;
    const senders = this.#changed.get(roomNid) ?? new Set();
    for (const { userNid } of remote) senders.add(userNid);
    this.#changed.set(roomNid, senders);
    this.#wake();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #wake(): void {
    if (this.#isStopped) return;
    this.#looking ??= this.#lookQuietly().finally(() => {
      this.#looking = undefined;
      if (this.#changed.size > 0) this.#wake();
    });
  }

  async #lookQuietly(): Promise<void> {
    const { clock, log } = this.#deps;
    try {
      if (this.#isAllDue) await this.#lookAtAll();
      for (const [roomNid, senders] of this.#changed) {
        if (this.#isStopped) return;
        this.#changed.delete(roomNid);
        await this.#reconsider({ roomNid, senderNids: [...senders] });
      }
    } catch (error) {
      // The top of a long-running loop: the database is away, and what is left undone will be done late.
      log.warn({ err: error }, 'sticky events cannot be looked at, trying again');
      this.#changed.clear();
      this.#lookAgainAt(clock.nowMs() + RETRY_MS);
    }
  }

  async #lookAtAll(): Promise<void> {
    const { db, clock } = this.#deps;
    await deleteExpiredSticky(db, clock.nowMs());
    await this.#reconsider(undefined);
    this.#isAllDue = false;
    this.#lookAgainAt(clock.nowMs() + LOOK_EVERY_MS);
  }

  #lookAgainAt(atMs: number): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#timer = this.#deps.clock.schedule(atMs, () => {
      this.#isAllDue = true;
      this.#wake();
    });
  }

  async #reconsider(where: Parameters<typeof listSoftFailedSticky>[1]): Promise<void> {
    const { db, pipeline, clock } = this.#deps;
    for (const stored of await listSoftFailedSticky(db, where, clock.nowMs(), MOST_AT_ONCE)) {
      if (this.#isStopped) return;
      const event = asMatrixEvent(stored);
      await pipeline.submit({
        roomId: stored.roomId,
        intents: [{ kind: 'received', event, placement: 'reconsidered' }],
      });
    }
  }
}
