/** A timer that can be stopped; cancelling twice is harmless. */
export interface Timer {
  cancel(): void;
}

/** Wall-clock time as a seam: everything that waits or stamps takes one, so that a test can move it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Runs `run` once, at `atMs` or as soon after as possible; at once (asynchronously) when `atMs` has passed. */
  schedule(atMs: number, run: () => void): Timer;
}

/** `setTimeout` overflows beyond this and fires at once, so that longer waits are taken in steps. */
const LONGEST_STEP_MS = 2 ** 31 - 1;
/** A sleeping machine or a corrected clock is noticed after this long at most. */
const RECHECK_MS = 60_000;

/** The clock of this machine. Waits of any length; a wall clock that jumps forward is noticed within a minute. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule(atMs, run) {
    let handle: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const leftMs = atMs - Date.now();
      if (leftMs <= 0) {
        handle = setTimeout(run, 0);
        return;
      }
      const stepMs = Math.min(leftMs, RECHECK_MS, LONGEST_STEP_MS);
      handle = setTimeout(stepMs === leftMs ? fireOrRearm : arm, stepMs);
      handle.unref();
    };
    // A timer may fire a fraction of a millisecond early; "not before the deadline" is a promise.
    const fireOrRearm = (): void => (Date.now() >= atMs ? run() : arm());
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** A clock that stands still until it is moved. Timers fire in order of their time, then of their making. */
export class ManualClock implements Clock {
  #nowMs: number;
  #pending: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(atMs: number, run: () => void): Timer {
    const entry = { atMs, run };
    this.#pending.push(entry);
    if (atMs <= this.#nowMs) queueMicrotask(() => this.#fireDue());
    return { cancel: () => this.#remove(entry) };
  }

  /** Moves time forward and fires what became due; timers that those set are fired as well if due. */
  advance(byMs: number): void {
    this.set(this.#nowMs + byMs);
  }

  /** Sets the time, also backwards (a corrected wall clock). */
  set(toMs: number): void {
    const next = (): { atMs: number; run: () => void } | undefined =>
      this.#pending.filter((timer) => timer.atMs <= toMs).sort((a, b) => a.atMs - b.atMs)[0];
    for (let due = next(); due !== undefined; due = next()) {
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      this.#remove(due);
      due.run();
    }
    this.#nowMs = toMs;
  }

  /** How many timers wait; a test's way to see that nothing was left behind. */
  get pendingTimers(): number {
    return this.#pending.length;
  }

  #fireDue(): void {
    this.set(this.#nowMs);
  }

  #remove(entry: { readonly atMs: number; readonly run: () => void }): void {
    this.#pending = this.#pending.filter((other) => other !== entry);
  }
}
