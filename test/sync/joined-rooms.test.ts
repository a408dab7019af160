import assert from 'node:assert/strict';
import { clientIntent } from '../../src/rooms/client-intent.ts';
import { SERVER_NAME } from '../support/pipeline.ts';
import {
  ALICE,
  BOB,
  CHARLIE,
  createSyncWorld,
  member,
  named,
  objectAt,
  type SyncWorld,
} from './sync-world.ts';

describe('joined rooms in /sync', () => {
  let world: SyncWorld;
  beforeEach(async () => {
    world = await createSyncWorld();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('come whole the first time, and not again while nothing happens', async () => {
    const roomId = await world.test.createRoom(ALICE);
    await world.test.send(roomId, ALICE, 'hello');
    const first = await world.sync(ALICE);
    const room = first.room('join', roomId);
    assert.deepEqual(named(room?.timeline), [
      'm.room.create',
      `${ALICE} join`,
      'm.room.power_levels',
      'm.room.join_rules',
      'hello',
    ]);
    assert.deepEqual([room?.limited, room?.state, room?.stateAfter], [false, [], undefined]);
    const second = await world.sync(ALICE, { since: first.next });
    assert.deepEqual(second.rooms('join'), []);
    assert.equal(second.body['rooms'], undefined);
  });

  it('have the state at the start of the timeline the first time', async () => {
    const roomId = await world.test.createRoom(ALICE);
    await world.test.setState(roomId, ALICE, 'm.room.name', '', { name: 'before' });
    await world.test.send(roomId, ALICE, 'one');
    await world.test.setState(roomId, ALICE, 'm.room.name', '', { name: 'after' });
    const { room } = await world.sync(ALICE, { filter: '{"room":{"timeline":{"limit":2}}}' });
    const joined = room('join', roomId);
    assert.deepEqual(named(joined?.timeline), ['one', 'm.room.name']);
    assert.equal(joined?.limited, true);
    const name = joined?.state?.find((event) => event['type'] === 'm.room.name');
    assert.deepEqual(name?.['content'], { name: 'before' });
    assert.equal(joined?.state?.length, 5);
  });

  it('bring what was sent since, with no state', async () => {
    const roomId = await world.test.createRoom(ALICE);
    const { next } = await world.sync(ALICE);
    await world.test.send(roomId, ALICE, 'one');
    await world.test.setState(roomId, ALICE, 'm.room.topic', '', { topic: 'two' });
    const room = (await world.sync(ALICE, { since: next })).room('join', roomId);
    assert.deepEqual(named(room?.timeline), ['one', 'm.room.topic']);
    assert.deepEqual([room?.limited, room?.state, room?.summary], [false, [], undefined]);
  });

  it('bring in a gap what changed in it', async () => {
    const roomId = await world.test.createRoom(ALICE);
    const { next } = await world.sync(ALICE);
    await world.test.setState(roomId, ALICE, 'm.room.topic', '', { topic: 'one' });
    await world.test.setState(roomId, ALICE, 'm.room.topic', '', { topic: 'two' });
    await member(world, roomId, BOB, BOB, 'join');
    for (const body of ['a', 'b', 'c']) await world.test.send(roomId, BOB, body);
    const filter = '{"room":{"timeline":{"limit":2}}}';
    const room = (await world.sync(ALICE, { since: next, filter })).room('join', roomId);
    assert.deepEqual(named(room?.timeline), ['b', 'c']);
    assert.equal(room?.limited, true);
    assert.deepEqual(named(room?.state), ['m.room.topic', `${BOB} join`]);
    assert.deepEqual(room?.state?.[0]?.['content'], { topic: 'two' });
    assert.equal(room?.summary?.['m.joined_member_count'], 2);
  });

  it('come whole and limited when newly joined', async () => {
    const roomId = await world.test.createRoom(ALICE);
    await world.test.send(roomId, ALICE, 'early');
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'join');
    const room = (await world.sync(BOB, { since: next, filter: '{"room":{"timeline":{"limit":2}}}' })).room(
      'join',
      roomId,
    );
    assert.deepEqual(named(room?.timeline), ['early', `${BOB} join`]);
    assert.equal(room?.limited, true);
    assert.equal(room?.state?.length, 4);
  });

  it('come whole on request, with no more of the timeline than is new', async () => {
    const roomId = await world.test.createRoom(ALICE);
    const { next } = await world.sync(ALICE);
    const room = (await world.sync(ALICE, { since: next, fullState: true, timeoutMs: 30_000 })).room(
      'join',
      roomId,
    );
    assert.deepEqual([room?.timeline, room?.limited, room?.state?.length], [[], false, 4]);
  });

  it('stay joined when the user left and came back in between', async () => {
    const roomId = await world.test.createRoom(ALICE);
    await member(world, roomId, BOB, BOB, 'join');
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'leave');
    await world.test.send(roomId, ALICE, 'while away');
    await member(world, roomId, BOB, BOB, 'join');
    const synced = await world.sync(BOB, { since: next });
    assert.deepEqual(synced.rooms('leave'), []);
    assert.deepEqual(named(synced.room('join', roomId)?.timeline), [
      `${BOB} leave`,
      'while away',
      `${BOB} join`,
    ]);
  });

  it('are joined for who joined, left and joined again', async () => {
    const roomId = await world.test.createRoom(ALICE);
    const { next } = await world.sync(BOB);
    for (const membership of ['join', 'leave', 'join']) await member(world, roomId, BOB, BOB, membership);
    const synced = await world.sync(BOB, { since: next });
    assert.deepEqual([synced.rooms('join'), synced.rooms('leave')], [[roomId], []]);
    assert.equal(synced.room('join', roomId)?.limited, true);
  });

  it('hide what was sent before the user joined where the room wants that', async () => {
    const roomId = await world.test.createRoom(ALICE);
    await world.test.setState(roomId, ALICE, 'm.room.history_visibility', '', {
      history_visibility: 'joined',
    });
    await world.test.send(roomId, ALICE, 'not for bob');
    await member(world, roomId, BOB, BOB, 'join');
    await world.test.send(roomId, ALICE, 'welcome');
    const timeline = named((await world.sync(BOB)).room('join', roomId)?.timeline);
    assert.ok(timeline?.includes('welcome') && !timeline.includes('not for bob'), String(timeline));
  });

  it('are left out where the filter excludes them', async () => {
    const one = await world.test.createRoom(ALICE);
    const two = await world.test.createRoom(ALICE);
    const only = await world.sync(ALICE, { filter: JSON.stringify({ room: { rooms: [one] } }) });
    assert.deepEqual(only.rooms('join'), [one]);
    const not = await world.sync(ALICE, { filter: JSON.stringify({ room: { not_rooms: [one] } }) });
    assert.deepEqual(not.rooms('join'), [two]);
  });

  it('show the transaction id to the session that sent, and to no other', async () => {
    const roomId = await world.test.createRoom(ALICE);
    await member(world, roomId, BOB, BOB, 'join');
    const alice = await world.viewer(ALICE);
    const { next } = await world.sync(ALICE);
    const intent = clientIntent(
      { clock: world.clock, random: world.test.random, serverName: SERVER_NAME },
      ALICE,
      { type: 'm.room.message', stateKey: undefined, content: { msgtype: 'm.text', body: 'mine' } },
      { session: { sessionNid: alice.sessionNid, txnId: 'txn 1' } },
    );
    await world.test.pipeline.submit({ roomId, intents: [intent] });
    const seenBy = async (userId: typeof ALICE): Promise<unknown> => {
      const [seen] = (await world.sync(userId, { since: next })).room('join', roomId)?.timeline ?? [];
      return objectAt(seen ?? {}, 'unsigned')['transaction_id'];
    };
    assert.deepEqual([await seenBy(ALICE), await seenBy(BOB)], ['txn 1', undefined]);
  });

  it('do not show one user the rooms of another', async () => {
    await world.test.createRoom(ALICE);
    assert.deepEqual((await world.sync(CHARLIE)).rooms('join'), []);
  });
});
