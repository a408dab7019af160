import assert from 'node:assert/strict';
import { countQueries } from '../support/count-queries.ts';
import { ALICE, BOB, createSyncWorld, member } from './sync-world.ts';

describe('a /sync between which and the last one nothing happened', () => {
  it('tells of keys and the position, and asks for nothing but that', async () => {
    await using world = await createSyncWorld();
    const roomId = await world.test.createRoom(ALICE);
    await member(world, roomId, BOB, BOB, 'join');
    const { next } = await world.sync(BOB);
    const first = await world.sync(BOB, { since: next });
    let again = first;
    const queries = await countQueries(world.database.database, async () => {
      again = await world.sync(BOB, { since: next });
    });
    assert.deepEqual(again.body, {
      device_one_time_keys_count: { signed_curve25519: 0 },
      device_unused_fallback_key_types: [],
      next_batch: next,
    });
    assert.deepEqual(again.body, first.body);
    // The viewer's number, which the test looks up, and the position.
    assert.equal(queries, 2);
  });
});
