import { claimDuePushers, findSoonestPush, type ClaimedPusher } from '../storage/pushers.ts';
import type { Timer } from '../util/clock.ts';
import { CLAIM_MS, deliverDue, type DeliveryDeps } from './deliver.ts';

const MOST_AT_ONCE = 20;
/** However quiet it is, the database is asked this often: what is due may have been left by a process that is gone. */
const POLL_MS = 30_000;
const RETRY_MS = 5_000;

/**
 * Sends to push gateways what is due, each in its own order and all beside each other.
 *
 * ```
 *           something was made due, the timer
 *   resting ─────────────────────────────────► passing: claims what is due, sends it, until nothing is
 *      ▲                                          │
 *      └── the timer is set to the next retry ◄───┘
 * ```
 *
 * Any number of processes may do this: a pusher is claimed by one of them for a while.
 */
export class PushSender implements AsyncDisposable {
  readonly #deps: DeliveryDeps;
  readonly #stop = new AbortController();
  readonly #busy = new Set<Promise<void>>();
  #passing: Promise<void> | undefined;
  #passAgain = false;
  #timer: Timer | undefined;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
  }

  /** Sends what was left over, and from then on what becomes due. Does not wait for that. */
  start(): void {
    this.wake();
  }

  /** Says that something is due. */
  wake(): void {
    if (this.#stop.signal.aborted) return;
    this.#passAgain = true;
    this.#passing ??= this.#passUntilQuiet().finally(() => {
      this.#passing = undefined;
      if (this.#passAgain) this.wake();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#passing !== undefined || this.#busy.size > 0)
      await Promise.allSettled([this.#passing, ...this.#busy]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    await this.idle();
  }

  async #passUntilQuiet(): Promise<void> {
    while (this.#passAgain && !this.#stop.signal.aborted) {
      this.#passAgain = false;
      try {
        await this.#pass();
      } catch (error) {
        this.#complain(error);
      }
    }
  }

  /** Claims what is due, as much as may be under way at once. A gateway that is slow keeps no other one waiting. */
  async #pass(): Promise<void> {
    const { db, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const free = MOST_AT_ONCE - this.#busy.size;
    const claimed = free === 0 ? [] : await claimDuePushers(db, nowMs, nowMs + CLAIM_MS, free);
    for (const pusher of claimed) this.#deliver(pusher);
    const soonestMs = (await findSoonestPush(db)) ?? Infinity;
    // What is due and could not be claimed now is claimed when one of those under way is done.
    this.#arm(soonestMs > nowMs ? Math.min(soonestMs, nowMs + POLL_MS) : nowMs + POLL_MS);
  }

  #deliver(pusher: ClaimedPusher): void {
    const delivery = deliverDue(this.#deps, pusher, this.#stop.signal)
      .catch((error: unknown) => this.#complain(error))
      .finally(() => {
        this.#busy.delete(delivery);
        this.wake();
      });
    this.#busy.add(delivery);
  }

  /** The top of a long-running loop: the database is away, and what is due will be sent late. */
  #complain(error: unknown): void {
    const { log, clock } = this.#deps;
    log.warn({ err: error }, 'pushers cannot be read, trying again');
    this.#arm(clock.nowMs() + RETRY_MS);
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    if (this.#stop.signal.aborted) return;
    this.#timer = this.#deps.clock.schedule(atMs, () => this.wake());
  }
}
