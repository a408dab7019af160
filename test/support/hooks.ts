import type { RootHookObject } from 'mocha';
import { stopTestServer } from './database.ts';

/** Loaded by .mocharc.json: what tests of all files share ends with the run. */
export const mochaHooks: RootHookObject = {
  async afterAll() {
    await stopTestServer();
  },
};
