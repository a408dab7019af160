import assert from 'node:assert/strict';
import {
  ALICE,
  BOB,
  createSyncWorld,
  eventsIn,
  member,
  named,
  textAt,
  type SyncWorld,
} from './sync-world.ts';

describe('invites and knocks in /sync', () => {
  let world: SyncWorld;
  beforeEach(async () => {
    world = await createSyncWorld();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('come once, with stripped state and nothing else of the room', async () => {
    const roomId = await world.test.createRoom(ALICE, '12', 'private');
    await world.test.setState(roomId, ALICE, 'm.room.name', '', { name: 'a room' });
    await world.test.setState(roomId, ALICE, 'm.room.encryption', '', { algorithm: 'm.megolm.v1.aes-sha2' });
    await world.test.setState(roomId, ALICE, 'org.example.secret', '', { secret: true });
    const { next } = await world.sync(BOB);
    await member(world, roomId, ALICE, BOB, 'invite');
    await world.test.setState(roomId, ALICE, 'm.room.name', '', { name: 'renamed' });
    const synced = await world.sync(BOB, { since: next });
    const state = eventsIn(synced.room('invite', roomId)?.body['invite_state']);
    assert.deepEqual(named(state), [
      'm.room.create',
      'm.room.join_rules',
      'm.room.name',
      'm.room.encryption',
      `${ALICE} join`,
      `${BOB} invite`,
    ]);
    assert.deepEqual(state?.[2], {
      type: 'm.room.name',
      state_key: '',
      sender: ALICE,
      content: { name: 'a room' },
    });
    assert.deepEqual(Object.keys(synced.room('invite', roomId)?.body ?? {}), ['invite_state']);
    assert.deepEqual(synced.rooms('join'), []);
    assert.deepEqual((await world.sync(BOB, { since: synced.next })).rooms('invite'), []);
    assert.deepEqual((await world.sync(BOB)).rooms('invite'), [roomId]);
  });

  it('tell who was invited when, and by whom', async () => {
    const roomId = await world.test.createRoom(ALICE, '12', 'private');
    await world.test.setState(roomId, ALICE, 'm.room.member', ALICE, {
      membership: 'join',
      displayname: 'Al',
    });
    await member(world, roomId, ALICE, BOB, 'invite');
    const synced = await world.sync(BOB);
    const state = eventsIn(synced.room('invite', roomId)?.body['invite_state']) ?? [];
    const [inviter, invite] = state.slice(-2);
    assert.deepEqual(inviter?.['content'], { membership: 'join', displayname: 'Al' });
    assert.deepEqual(Object.keys(inviter ?? {}).sort(), ['content', 'sender', 'state_key', 'type']);
    assert.equal(invite?.['sender'], ALICE);
    assert.equal(invite?.['origin_server_ts'], world.clock.nowMs());
    assert.match(textAt(invite ?? {}, 'event_id'), /^\$/);
  });

  it('give way to the room when the invite is accepted', async () => {
    const roomId = await world.test.createRoom(ALICE, '12', 'private');
    await member(world, roomId, ALICE, BOB, 'invite');
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'join');
    const synced = await world.sync(BOB, { since: next });
    assert.deepEqual([synced.rooms('invite'), synced.rooms('join')], [[], [roomId]]);
  });

  it('are over when the invite is withdrawn', async () => {
    const roomId = await world.test.createRoom(ALICE, '12', 'private');
    await member(world, roomId, ALICE, BOB, 'invite');
    const { next } = await world.sync(BOB);
    await member(world, roomId, ALICE, BOB, 'leave');
    const synced = await world.sync(BOB, { since: next });
    assert.deepEqual([synced.rooms('invite'), synced.rooms('leave')], [[], [roomId]]);
  });

  it('show a knock to who knocks', async () => {
    const roomId = await world.test.createRoom(ALICE, '12', 'private');
    await world.test.setState(roomId, ALICE, 'm.room.join_rules', '', { join_rule: 'knock' });
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'knock');
    const synced = await world.sync(BOB, { since: next });
    const state = eventsIn(synced.room('knock', roomId)?.body['knock_state']);
    assert.deepEqual(named(state), ['m.room.create', 'm.room.join_rules', `${BOB} knock`]);
  });
});
