import assert from 'node:assert/strict';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { forgetRoom } from '../../src/storage/memberships.ts';
import { ALICE, BOB, createSyncWorld, member, named, type SyncWorld } from './sync-world.ts';

const WITH_LEFT = '{"room":{"include_leave":true}}';

describe('left rooms in /sync', () => {
  let world: SyncWorld;
  let roomId: RoomId;
  beforeEach(async () => {
    world = await createSyncWorld();
    roomId = await world.test.createRoom(ALICE);
    await member(world, roomId, BOB, BOB, 'join');
  });
  afterEach(() => world[Symbol.asyncDispose]());

  for (const [word, sender, membership] of [
    ['leaves', BOB, 'leave'],
    ['is kicked', ALICE, 'leave'],
    ['is banned', ALICE, 'ban'],
  ] as const) {
    it(`come once when the user ${word}, with events up to that and none after`, async () => {
      const { next } = await world.sync(BOB);
      await world.test.send(roomId, ALICE, 'before');
      await member(world, roomId, sender, BOB, membership);
      await world.test.send(roomId, ALICE, 'after');
      await world.test.setState(roomId, ALICE, 'm.room.topic', '', { topic: 'secret' });
      const synced = await world.sync(BOB, { since: next });
      assert.deepEqual(synced.rooms('join'), []);
      const left = synced.room('leave', roomId);
      assert.deepEqual(named(left?.timeline), ['before', `${BOB} ${membership}`]);
      assert.deepEqual([left?.limited, left?.state], [false, []]);
      const again = await world.sync(BOB, { since: synced.next });
      assert.deepEqual(again.rooms('leave'), []);
    });
  }

  it('show the leave even where history is for members only', async () => {
    await world.test.setState(roomId, ALICE, 'm.room.history_visibility', '', {
      history_visibility: 'joined',
    });
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'leave');
    const left = (await world.sync(BOB, { since: next })).room('leave', roomId);
    assert.deepEqual([named(left?.timeline), left?.state], [[`${BOB} leave`], []]);
  });

  it('hold the state of the gap, and none of after the leave', async () => {
    const { next } = await world.sync(BOB);
    await world.test.setState(roomId, ALICE, 'm.room.topic', '', { topic: 'old' });
    for (const body of ['a', 'b']) await world.test.send(roomId, ALICE, body);
    await member(world, roomId, BOB, BOB, 'leave');
    await world.test.setState(roomId, ALICE, 'm.room.topic', '', { topic: 'new' });
    for (const limit of [0, 1, 2]) {
      const filter = JSON.stringify({ room: { timeline: { limit } } });
      const left = (await world.sync(BOB, { since: next, filter })).room('leave', roomId);
      assert.equal(left?.timeline.length, limit);
      assert.equal(left.limited, true);
      const topic = left.state?.find((event) => event['type'] === 'm.room.topic');
      assert.deepEqual(topic?.['content'], { topic: 'old' });
      assert.equal(left.state?.length, limit === 0 ? 2 : 1);
    }
  });

  it('are left out the first time unless the filter asks for them', async () => {
    await member(world, roomId, BOB, BOB, 'leave');
    await world.test.send(roomId, ALICE, 'after');
    assert.deepEqual((await world.sync(BOB)).rooms('leave'), []);
    const left = (await world.sync(BOB, { filter: WITH_LEFT })).room('leave', roomId);
    assert.equal(named(left?.timeline)?.at(-1), `${BOB} leave`);
  });

  it('come once forgotten to who knew the room, and to nobody else', async () => {
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'leave');
    const { userNid } = await world.viewer(BOB);
    const roomNid = world.test.committed[0]?.roomNid;
    assert.ok(roomNid !== undefined);
    await world.sync(BOB);
    assert.ok(await forgetRoom(world.deps.db, roomNid, userNid));
    const told = await world.sync(BOB, { since: next });
    assert.deepEqual(named(told.room('leave', roomId)?.timeline), [`${BOB} leave`]);
    assert.deepEqual((await world.sync(BOB, { since: told.next })).rooms('leave'), []);
    assert.deepEqual((await world.sync(BOB, { filter: WITH_LEFT })).rooms('leave'), []);
  });

  it('hold nothing of the room for who was invited only', async () => {
    const other = await world.test.createRoom(ALICE, '12', 'private');
    await world.test.setState(other, ALICE, 'm.room.topic', '', { topic: 'secret' });
    await member(world, other, ALICE, BOB, 'invite');
    const { next } = await world.sync(BOB);
    await world.test.send(other, ALICE, 'secret');
    await member(world, other, BOB, BOB, 'leave');
    const plain = (await world.sync(BOB, { since: next })).room('leave', other);
    assert.deepEqual([named(plain?.timeline), plain?.state], [[`${BOB} leave`], []]);
    const after = (await world.sync(BOB, { since: next, stateAfter: 'state_after' })).room('leave', other);
    assert.deepEqual(named(after?.stateAfter), [`${BOB} leave`]);
    const first = (await world.sync(BOB, { filter: WITH_LEFT })).room('leave', other);
    assert.deepEqual([named(first?.timeline), first?.state], [[`${BOB} leave`], []]);
  });

  it('show a ban that follows the leave, and nothing between the two', async () => {
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'leave');
    await world.test.send(roomId, ALICE, 'between');
    await world.test.setState(roomId, ALICE, 'm.room.topic', '', { topic: 'secret' });
    const told = await world.sync(BOB, { since: next });
    await member(world, roomId, ALICE, BOB, 'ban');
    const both = (await world.sync(BOB, { since: next, stateAfter: 'state_after' })).room('leave', roomId);
    assert.deepEqual(named(both?.timeline), [`${BOB} leave`, `${BOB} ban`]);
    assert.deepEqual(named(both?.stateAfter), [`${BOB} ban`]);
    const ban = (await world.sync(BOB, { since: told.next })).room('leave', roomId);
    assert.deepEqual([named(ban?.timeline), ban?.state], [[`${BOB} ban`], []]);
    const first = (await world.sync(BOB, { filter: WITH_LEFT })).room('leave', roomId);
    assert.ok(!JSON.stringify(first?.body).includes('secret'));
    assert.ok(!named(first?.timeline)?.includes('between'));
  });

  it('come whole for who joined and left in between', async () => {
    await member(world, roomId, BOB, BOB, 'leave');
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'join');
    await world.test.send(roomId, BOB, 'hello');
    await member(world, roomId, BOB, BOB, 'leave');
    const left = (await world.sync(BOB, { since: next, filter: '{"room":{"timeline":{"limit":2}}}' })).room(
      'leave',
      roomId,
    );
    assert.deepEqual([named(left?.timeline), left?.limited], [['hello', `${BOB} leave`], true]);
    assert.ok(left?.state?.some((event) => event['type'] === 'm.room.create'));
  });

  it('are joined rooms again once the user is back', async () => {
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'leave');
    const left = await world.sync(BOB, { since: next });
    await member(world, roomId, BOB, BOB, 'join');
    const back = await world.sync(BOB, { since: left.next });
    assert.deepEqual([back.rooms('join'), back.rooms('leave')], [[roomId], []]);
    assert.equal(back.room('join', roomId)?.limited, true);
  });
});
