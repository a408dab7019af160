import assert from 'node:assert/strict';
import { allotPositions, inTransaction } from '../../src/storage/database.ts';
import { countQueries } from '../support/count-queries.ts';
import { ALICE, createSyncWorld, type SyncWorld } from './sync-world.ts';

describe('how far readers read who were woken', () => {
  let world: SyncWorld;
  let start: number;
  beforeEach(async () => {
    world = await createSyncWorld();
    await world.test.createRoom(ALICE);
    start = await world.deps.syncFeed.catchUp();
    await inTransaction(world.deps.db, (tx) => allotPositions(tx, 3));
  });
  afterEach(() => world[Symbol.asyncDispose]());

  function announce(first: number, last: number): void {
    world.hub.announce({ first: start + first, position: start + last, roomNids: [], userNids: [] });
  }

  it('is known without a look where everything up to there was told', async () => {
    announce(1, 2);
    const { syncFeed } = world.deps;
    const queries = await countQueries(world.database.database, async () => {
      assert.equal(await syncFeed.catchUpWith(start + 2), start + 2);
      assert.equal(await syncFeed.catchUpWith(start + 1), start + 2);
    });
    assert.equal(queries, 0);
  });

  it('is looked up where something before it was not told', async () => {
    announce(3, 3);
    assert.equal(await world.deps.syncFeed.catchUpWith(start + 3), start + 3);
  });

  it('is looked up once for all who begin in one turn', async () => {
    const { syncFeed } = world.deps;
    const queries = await countQueries(world.database.database, async () => {
      const first = syncFeed.catchUp();
      // The next one has got further than the first before it asks, but in the same turn.
      for (let step = 0; step < 10; step += 1) await Promise.resolve();
      await Promise.all([first, syncFeed.catchUp()]);
    });
    // The position, and what happened up to there.
    assert.equal(queries, 2);
  });
});
