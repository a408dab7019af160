import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { insertFilter } from '../../src/storage/filters.ts';
import { refusal } from '../support/refusal.ts';
import { makeAccount } from './sync-accounts.ts';
import {
  ALICE,
  BOB,
  createSyncWorld,
  member,
  named,
  objectAt,
  type RoomAnswer,
  type SyncWorld,
} from './sync-world.ts';

describe('a filter of /sync', () => {
  let world: SyncWorld;
  let roomId: RoomId;
  beforeEach(async () => {
    world = await createSyncWorld();
    roomId = await world.test.createRoom(ALICE);
    await member(world, roomId, BOB, BOB, 'join');
    await world.test.send(roomId, ALICE, 'of alice');
    await world.test.send(roomId, BOB, 'of bob');
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function synced(filter: unknown): Promise<RoomAnswer | undefined> {
    return (await world.sync(ALICE, { filter: JSON.stringify(filter) })).room('join', roomId);
  }

  it('picks senders and types of the timeline', async () => {
    const bySender = await synced({ room: { timeline: { senders: [BOB], types: ['m.room.message'] } } });
    assert.deepEqual([named(bySender?.timeline), bySender?.limited], [['of bob'], false]);
    const byType = await synced({
      room: { timeline: { types: ['m.room.*'], not_types: ['m.room.message'] } },
    });
    assert.ok(!named(byType?.timeline)?.includes('of bob'));
    assert.equal(byType?.timeline.length, 5);
  });

  it('picks types and senders of the state', async () => {
    const timeline = { limit: 1 };
    const types = await synced({ room: { timeline, state: { types: ['m.room.create'] } } });
    assert.deepEqual(named(types?.state), ['m.room.create']);
    const senders = await synced({ room: { timeline, state: { senders: [BOB] } } });
    assert.deepEqual(named(senders?.state), [`${BOB} join`]);
    const none = await synced({ room: { timeline, state: { types: [] } } });
    assert.deepEqual(none?.state, []);
  });

  it('that admits no event of the timeline does not call it limited', async () => {
    for (const timeline of [{ types: [] }, { not_types: ['*'] }, { rooms: [] }]) {
      const room = await synced({ room: { timeline } });
      assert.deepEqual([room?.timeline, room?.limited], [[], false]);
    }
  });

  it('with a limit of nothing says whether there is anything', async () => {
    const room = await synced({ room: { timeline: { limit: 0 } } });
    assert.deepEqual([room?.timeline, room?.limited], [[], true]);
    assert.equal(room?.state?.length, 5);
  });

  it('picks fields of events', async () => {
    const room = await synced({ event_fields: ['content.body', 'sender'], room: { timeline: { limit: 1 } } });
    assert.deepEqual(room?.timeline, [{ content: { body: 'of bob' }, sender: BOB }]);
  });

  it('asks for events as servers send them', async () => {
    const room = await synced({ event_format: 'federation', room: { timeline: { limit: 1 } } });
    const [event] = room?.timeline ?? [];
    assert.ok(event !== undefined && 'auth_events' in event && 'hashes' in event && !('event_id' in event));
    assert.equal(objectAt(event, 'content')['body'], 'of bob');
  });

  it('may be one that was stored', async () => {
    const { deviceId, userNid } = await world.viewer(ALICE);
    await makeAccount(world.deps.db, ALICE, deviceId);
    const id = await insertFilter(world.deps.db, userNid, '{"room":{"timeline":{"limit":1}}}');
    const room = (await world.sync(ALICE, { filter: String(id) })).room('join', roomId);
    assert.deepEqual(named(room?.timeline), ['of bob']);
  });

  it('is looked up once, and never for another user', async () => {
    const { deviceId, userNid } = await world.viewer(ALICE);
    await makeAccount(world.deps.db, ALICE, deviceId);
    const filter = String(await insertFilter(world.deps.db, userNid, '{"room":{"timeline":{"limit":1}}}'));
    await world.sync(ALICE, { filter });
    await sql`delete from filters where user_nid = ${userNid}`.execute(world.deps.db);
    const room = (await world.sync(ALICE, { filter })).room('join', roomId);
    assert.deepEqual(named(room?.timeline), ['of bob']);
    await assert.rejects(world.sync(BOB, { filter }), refusal(404, 'M_NOT_FOUND'));
  });

  it('must be one', async () => {
    await assert.rejects(world.sync(ALICE, { filter: '77' }), refusal(404, 'M_NOT_FOUND'));
    await assert.rejects(world.sync(ALICE, { filter: '{"room":1}' }), refusal(400, 'M_BAD_JSON'));
    await assert.rejects(world.sync(ALICE, { filter: '{' }), refusal(400, 'M_BAD_JSON'));
  });
});
