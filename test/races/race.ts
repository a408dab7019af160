import assert from 'node:assert/strict';
import type { FutureWorld } from '../futures/future-world.ts';

/** How many rounds a race runs: MORROW_RACE_ROUNDS, or what the test asks for. */
export function roundsOf(usual: number): number {
  const wanted = Number(process.env['MORROW_RACE_ROUNDS']);
  return Number.isInteger(wanted) && wanted > 0 ? wanted : usual;
}

/** Runs `work` after a random number of round trips to the database, fewer than `trips`, and turns of the event loop. */
export async function soon<T>(world: FutureWorld, work: () => Promise<T>, trips = 6): Promise<T> {
  const [waited = 0, turns = 0] = world.deps.random.bytes(2);
  for (let count = 0; count < waited % trips; count += 1)
    await world.database.database.pool.query('select 1');
  for (let count = 0; count < turns % 8; count += 1) await new Promise((resolve) => setImmediate(resolve));
  return work();
}

/** With fewer rounds, chance alone may let one side win them all. */
const FEW_ROUNDS = 400;

/** Counts how the rounds of a race ended: one that always ends alike was none. */
export class Tally {
  readonly #counts = new Map<string, number>();

  note(outcome: string): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  /** Fails for any other outcome, and when one of these was never seen, unless the rounds were too few to tell. */
  expect(...outcomes: readonly string[]): void {
    const seen = [...this.#counts.keys()].toSorted();
    const rounds = [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
    if (rounds >= FEW_ROUNDS) assert.deepEqual(seen, outcomes, String(this));
    else
      assert.ok(
        seen.every((outcome) => outcomes.includes(outcome)),
        String(this),
      );
  }

  toString(): string {
    return [...this.#counts].map(([outcome, count]) => `${outcome}: ${count}`).join(', ');
  }
}
