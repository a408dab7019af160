import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

/** Real clients have timers of their own, and machines that run tests may be slow. */
const PATIENCE_MS = 60_000;

/** Waits until `condition` holds, looking again and again; fails naming `what` when patience (milliseconds) ends. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > end) assert.fail(`waited ${patienceMs} ms for ${what}`);
    await pause(20);
  }
}
