import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { localUser } from '../support/pipeline.ts';
import { ALICE, BOB, CHARLIE, createSyncWorld, member, type SyncWorld } from './sync-world.ts';

describe('the summary of a room in /sync', () => {
  let world: SyncWorld;
  beforeEach(async () => {
    world = await createSyncWorld();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('counts who is in the room and who is invited, when that changes', async () => {
    const roomId = await world.test.createRoom(ALICE);
    const first = await world.sync(ALICE);
    const summaryOf = (synced: typeof first): JsonObject | undefined => synced.room('join', roomId)?.summary;
    assert.deepEqual(summaryOf(first), {
      'm.joined_member_count': 1,
      'm.invited_member_count': 0,
      'm.heroes': [],
    });
    await member(world, roomId, ALICE, BOB, 'invite');
    const second = await world.sync(ALICE, { since: first.next });
    assert.deepEqual(summaryOf(second), {
      'm.joined_member_count': 1,
      'm.invited_member_count': 1,
      'm.heroes': [BOB],
    });
    await world.test.send(roomId, ALICE, 'hello');
    const third = await world.sync(ALICE, { since: second.next });
    assert.equal(summaryOf(third), undefined);
    await member(world, roomId, BOB, BOB, 'join');
    const fourth = await world.sync(ALICE, { since: third.next });
    assert.equal(summaryOf(fourth)?.['m.joined_member_count'], 2);
    assert.deepEqual(summaryOf(await world.sync(BOB))?.['m.heroes'], [ALICE]);
  });

  it('names five others at most, those first who were there first', async () => {
    const roomId = await world.test.createRoom(ALICE);
    const crowd = Array.from({ length: 7 }, (_, index) => localUser(`member${index}`));
    for (const userId of crowd) await member(world, roomId, userId, userId, 'join');
    const { room } = await world.sync(ALICE);
    assert.deepEqual(room('join', roomId)?.summary?.['m.heroes'], crowd.slice(0, 5));
  });

  it('names those who have gone when nobody else is left', async () => {
    const roomId = await world.test.createRoom(ALICE);
    await member(world, roomId, BOB, BOB, 'join');
    await member(world, roomId, BOB, BOB, 'leave');
    assert.deepEqual((await world.sync(ALICE)).room('join', roomId)?.summary?.['m.heroes'], [BOB]);
    await member(world, roomId, ALICE, CHARLIE, 'invite');
    assert.deepEqual((await world.sync(ALICE)).room('join', roomId)?.summary?.['m.heroes'], [CHARLIE]);
  });

  it('names nobody where the room has a name or an alias', async () => {
    for (const [type, content] of [
      ['m.room.name', { name: 'a room' }],
      ['m.room.canonical_alias', { alias: '#a:morrow.test' }],
    ] as const) {
      const roomId = await world.test.createRoom(ALICE);
      await world.test.setState(roomId, ALICE, type, '', content);
      const named = await world.sync(ALICE);
      assert.ok(!('m.heroes' in (named.room('join', roomId)?.summary ?? {})));
      await world.test.setState(roomId, ALICE, type, '', {});
      const unnamed = await world.sync(ALICE, { since: named.next });
      assert.deepEqual(unnamed.room('join', roomId)?.summary?.['m.heroes'], []);
    }
  });
});
