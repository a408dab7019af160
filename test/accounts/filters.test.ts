import assert from 'node:assert/strict';
import { defineFilter, getStoredFilter, resolveFilter } from '../../src/accounts/filters.ts';
import { makeUser, shareAccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

const FILTER = { room: { timeline: { limit: 5 } }, 'org.example.more': [1.5] };

describe('stored filters', () => {
  const shared = shareAccountWorld();

  it('are given back as they were uploaded, under one id for the same filter', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const filterId = await defineFilter(world, alice, alice.userId, FILTER);
    assert.deepEqual(await getStoredFilter(world, alice, alice.userId, filterId), FILTER);
    assert.equal(await defineFilter(world, alice, alice.userId, FILTER), filterId);
    assert.notEqual(await defineFilter(world, alice, alice.userId, {}), filterId);
  });

  it('belong to their user alone', async () => {
    const world = shared();
    const [alice, bob] = [await makeUser(world, 'alice'), await makeUser(world, 'bob')];
    const filterId = await defineFilter(world, alice, alice.userId, FILTER);
    await assert.rejects(getStoredFilter(world, bob, alice.userId, filterId), refusal(403, 'M_FORBIDDEN'));
    await assert.rejects(defineFilter(world, bob, alice.userId, FILTER), refusal(403, 'M_FORBIDDEN'));
    await assert.rejects(getStoredFilter(world, bob, bob.userId, filterId), refusal(404, 'M_NOT_FOUND'));
  });

  it('that do not exist are not found, whatever their id looks like', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    for (const filterId of ['0', '999', '-1', '1e3', 'x', '9'.repeat(40)]) {
      await assert.rejects(
        getStoredFilter(world, alice, alice.userId, filterId),
        refusal(404, 'M_NOT_FOUND'),
      );
    }
  });

  it('are not stored when they are no filters', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const bad = defineFilter(world, alice, alice.userId, { room: [] });
    await assert.rejects(bad, refusal(400, 'M_BAD_JSON'));
  });

  it('can be named by id, written out, or left out', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const filterId = await defineFilter(world, alice, alice.userId, FILTER);
    const limits = [filterId, JSON.stringify(FILTER), undefined].map(
      async (filter) => (await resolveFilter(world, alice.userNid, filter)).room.timeline.limit,
    );
    assert.deepEqual(await Promise.all(limits), [5, 5, undefined]);
    await assert.rejects(resolveFilter(world, alice.userNid, '{"room":'), refusal(400, 'M_BAD_JSON'));
    await assert.rejects(resolveFilter(world, alice.userNid, 'x'), refusal(404, 'M_NOT_FOUND'));
  });
});
