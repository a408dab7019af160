import { setImmediate as yieldToOthers } from 'node:timers/promises';

/** Longer than most work takes, and hardly noticed by those who wait meanwhile. */
const LONGEST_TURN_MS = 5;

/**
 * Long work in turns of the event loop: when one has lasted long, others get theirs. In real time, for that is what they
 * wait in.
 *
 * ```ts
 * const turn = new Turn();
 * for (const step of steps) {
 *   work(step);
 *   if (turn.isOver) await turn.end();
 * }
 * ```
 */
export class Turn {
  #startedMs = performance.now();

  get isOver(): boolean {
    return performance.now() - this.#startedMs >= LONGEST_TURN_MS;
  }

  /** Resolves when all others have had theirs, at the beginning of another one. */
  async end(): Promise<void> {
    await yieldToOthers();
    this.#startedMs = performance.now();
  }
}
