import type { Context, RootHookObject } from 'mocha';
import { stopTestServer } from './database.ts';
import { takeViolations } from './spec-check.ts';

const unnoticed: string[] = [];

/** Loaded by .mocharc.json: what tests of all files share ends with the run, and what they did not notice fails it. */
export const mochaHooks: RootHookObject = {
  afterEach(this: Context) {
    const violations = takeViolations();
    if (this.currentTest?.state === 'failed') return;
    unnoticed.push(...violations.map((violation) => `In "${this.currentTest?.fullTitle()}": ${violation}`));
  },
  async afterAll() {
    await stopTestServer();
    unnoticed.push(...takeViolations());
    if (unnoticed.length > 0) throw new Error(unnoticed.join('\n\n'));
  },
};
