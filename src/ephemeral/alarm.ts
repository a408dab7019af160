import type { Clock, Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';

const RETRY_MS = 5_000;

/** What an alarm does when it goes off: the answer is when there is more to do, undefined for never. */
export type AlarmWork = () => Promise<number | undefined>;

/**
 * One timer, for the soonest of many times. Work that fails, such as for a lost database, is tried again.
 *
 * ```
 *   unset ─ set(t) ─► set ─ t comes ─► at work ─ next time, or a time set meanwhile ─► set
 *                      └─ set(sooner) ─► set        └─ neither ─► unset
 * ```
 */
export class Alarm implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #work: AlarmWork;
  #timer: { readonly atMs: number; readonly timer: Timer } | undefined;
  #atWork: Promise<void> | undefined;
  #closed = false;

  constructor(deps: { readonly clock: Clock; readonly log: Log; readonly work: AlarmWork }) {
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#work = deps.work;
  }

  /** Goes off at `atMs`, or sooner when that was asked for before. undefined asks for nothing. */
  set(atMs: number | undefined): void {
    if (this.#closed || atMs === undefined || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    this.#timer?.timer.cancel();
    this.#timer = { atMs, timer: this.#clock.schedule(atMs, () => this.#goOff()) };
  }

  /** Resolves when no work is under way, nor what that found to be due by then. */
  async idle(): Promise<void> {
    while (this.#atWork !== undefined) await this.#atWork;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.timer.cancel();
    await this.#atWork;
  }

  #goOff(): void {
    this.#timer = undefined;
    if (this.#closed) return;
    // Work under way may have looked before this time came, so that it is done once more afterwards.
    const work: Promise<void> = (this.#atWork?.then(() => this.#run()) ?? this.#run()).finally(() => {
      if (this.#atWork === work) this.#atWork = undefined;
    });
    this.#atWork = work;
  }

  async #run(): Promise<void> {
    try {
      this.set(await this.#work());
    } catch (error) {
      this.#log.warn({ err: error }, 'what was due could not be done');
      this.set(this.#clock.nowMs() + RETRY_MS);
    }
  }
}
