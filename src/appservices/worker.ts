import type { Clock, Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';

interface WorkerDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Does all that there is to do; the answer is when to look again, if that cannot wait for the next call. */
  readonly run: () => Promise<number | undefined>;
}

/** However quiet it is, somebody looks this often: what is left may be that of a process that is gone. */
const POLL_MS = 30_000;
const RETRY_MS = 5_000;

/** Runs something whenever it is woken, once at a time; again when it was woken meanwhile. */
export class Worker implements AsyncDisposable {
  readonly #deps: WorkerDeps;
  #running: Promise<void> | undefined;
  #runAgain = false;
  #isStopped = false;
  #timer: Timer | undefined;

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
  }

  /** Says that there is something to do. */
  wake(): void {
    if (this.#isStopped) return;
    this.#runAgain = true;
    this.#running ??= this.#runUntilQuiet().finally(() => {
      this.#running = undefined;
      if (this.#runAgain) this.wake();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.idle();
  }

  async #runUntilQuiet(): Promise<void> {
    while (this.#runAgain && !this.#isStopped) {
      this.#runAgain = false;
      const { clock, log, run } = this.#deps;
      let againTs: number | undefined;
      try {
        againTs = await run();
      } catch (error) {
        // The top of a long-running loop: the database is away, and what is left undone will be done late.
        log.warn({ err: error }, 'application services cannot be told what happens, trying again');
        againTs = clock.nowMs() + RETRY_MS;
      }
      this.#arm(Math.min(againTs ?? Infinity, clock.nowMs() + POLL_MS));
    }
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    if (!this.#isStopped) this.#timer = this.#deps.clock.schedule(atMs, () => this.wake());
  }
}
