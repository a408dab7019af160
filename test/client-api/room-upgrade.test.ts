import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import {
  act,
  getState,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  objectAt,
  pathOf,
  putState,
  refusalOf,
  say,
} from './rooms-client.ts';

describe('upgrading a room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const tryUpgrade = (user: TestUser, roomId: string, body: JsonObject): Promise<TestReply> =>
    act(server, user, roomId, 'upgrade', body);
  const upgrade = async (user: TestUser, roomId: string, version: string, more = {}): Promise<string> => {
    const { status, body } = await tryUpgrade(user, roomId, { new_version: version, ...more });
    assert.equal(status, 200, JSON.stringify(body));
    return textAt(body, 'replacement_room');
  };
  const stateOf = (roomId: string, type: string, stateKey = ''): Promise<JsonObject> =>
    getState(server, alice, roomId, type, stateKey);

  it('makes a room with the state of the old one, which points to it', async () => {
    const roomId = await makeRoom(server, alice, {
      room_version: '10',
      name: 'Cheese',
      topic: 'tasty',
      creation_content: { 'm.federate': false, type: 'org.example.type' },
      initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
    });
    await putState(server, alice, roomId, 'm.room.server_acl', { allow: ['*'], deny: ['evil.test'] });
    const last = await say(server, alice, roomId, 'last words');
    const replacement = await upgrade(alice, roomId, '11');
    const tombstone = await stateOf(roomId, 'm.room.tombstone');
    assert.equal(tombstone['replacement_room'], replacement);
    assert.deepEqual(await stateOf(replacement, 'm.room.create'), {
      room_version: '11',
      type: 'org.example.type',
      'm.federate': false,
      predecessor: { room_id: roomId, event_id: last },
    });
    for (const type of [
      'm.room.name',
      'm.room.topic',
      'm.room.encryption',
      'm.room.server_acl',
      'm.room.join_rules',
      'm.room.history_visibility',
      'm.room.guest_access',
    ])
      assert.deepEqual(await stateOf(replacement, type), await stateOf(roomId, type), type);
  });

  it('copies power levels as they were, and restricts those of the old room', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { room_version: '9' });
    const levels = {
      ...(await stateOf(roomId, 'm.room.power_levels')),
      users: { [alice.userId]: 100, [bob.userId]: '50' },
      users_default: 60,
    };
    await putState(server, alice, roomId, 'm.room.power_levels', levels);
    const replacement = await upgrade(alice, roomId, '11');
    const copied = await stateOf(replacement, 'm.room.power_levels');
    assert.deepEqual(copied, { ...levels, users: { [alice.userId]: 100, [bob.userId]: 50 } });
    const restricted = await stateOf(roomId, 'm.room.power_levels');
    assert.deepEqual([restricted['events_default'], restricted['invite']], [61, 61]);
  });

  it('to version 12 gives creators infinite power instead of a level', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { room_version: '11' });
    const carol = '@carol:localhost';
    const levels = await stateOf(roomId, 'm.room.power_levels');
    const users = { [alice.userId]: 100, [bob.userId]: 100, [carol]: 50 };
    await putState(server, alice, roomId, 'm.room.power_levels', { ...levels, users });
    const replacement = await upgrade(alice, roomId, '12', { additional_creators: [bob.userId] });
    const create = await stateOf(replacement, 'm.room.create');
    assert.deepEqual(create['additional_creators'], [bob.userId]);
    assert.deepEqual(create['predecessor'], { room_id: roomId });
    const copied = await stateOf(replacement, 'm.room.power_levels');
    assert.deepEqual(copied['users'], { [carol]: 50 });
    assert.equal(objectAt(copied, 'events')['m.room.tombstone'], 150);
    const back = await upgrade(alice, replacement, '11');
    const lower = await stateOf(back, 'm.room.power_levels');
    assert.deepEqual(lower['users'], { [alice.userId]: 100, [carol]: 50 });
    assert.equal((await stateOf(back, 'm.room.create'))['additional_creators'], undefined);
  });

  it('moves aliases and the place in the directory', async () => {
    const roomId = await makeRoom(server, alice, {
      room_version: '11',
      room_alias_name: 'moving',
      visibility: 'public',
    });
    const replacement = await upgrade(alice, roomId, '12');
    const alias = `/_matrix/client/v3/directory/room/${encodeURIComponent('#moving:localhost')}`;
    assert.equal((await request(server, 'GET', alias)).body['room_id'], replacement);
    assert.deepEqual(await stateOf(replacement, 'm.room.canonical_alias'), { alias: '#moving:localhost' });
    assert.deepEqual(await stateOf(roomId, 'm.room.canonical_alias'), {});
    const published = (id: string): Promise<JsonObject> =>
      succeed(server, 'GET', `/_matrix/client/v3/directory/list/room/${encodeURIComponent(id)}`);
    assert.deepEqual(await published(roomId), { visibility: 'private' });
    assert.deepEqual(await published(replacement), { visibility: 'public' });
  });

  it('keeps who is banned out, and nobody else', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { room_version: '11' });
    const [mallory, oscar] = ['@mallory:localhost', '@oscar:elsewhere'];
    await act(server, alice, roomId, 'ban', { user_id: mallory, reason: 'spam' });
    await act(server, alice, roomId, 'ban', { user_id: oscar });
    await act(server, alice, roomId, 'ban', { user_id: bob.userId });
    await act(server, alice, roomId, 'unban', { user_id: bob.userId });
    for (const version of ['10', '12']) {
      const replacement = await upgrade(alice, roomId, version, { additional_creators: [oscar] });
      const banned = { membership: 'ban', reason: 'spam' };
      assert.deepEqual(await stateOf(replacement, 'm.room.member', mallory), banned);
      await assert.rejects(stateOf(replacement, 'm.room.member', bob.userId));
      assert.equal((await act(server, bob, replacement, 'join')).status, 200);
      // A creator of version 12 can be banned by nobody.
      const other = request(server, 'GET', pathOf(replacement, 'state', 'm.room.member', oscar), {
        token: alice,
      });
      assert.equal((await other).status, version === '12' ? 404 : 200);
    }
  });

  it('keeps the children of a space, and join rules that the version knows', async () => {
    const roomId = await makeRoom(server, alice, {
      room_version: '10',
      creation_content: { type: 'm.space' },
      initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock_restricted', allow: [] } }],
    });
    const child = { via: ['localhost'], order: 'a' };
    await putState(server, alice, roomId, 'm.space.child', child, '!child:localhost');
    await putState(server, alice, roomId, 'm.space.child', {}, '!gone:localhost');
    const replacement = await upgrade(alice, roomId, '9');
    assert.deepEqual(await stateOf(replacement, 'm.space.child', '!child:localhost'), child);
    await assert.rejects(stateOf(replacement, 'm.space.child', '!gone:localhost'));
    assert.deepEqual(await stateOf(replacement, 'm.room.join_rules'), { join_rule: 'invite' });
  });

  it('is for those who may send the tombstone, whatever else they may not', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { room_version: '11', name: 'Cheese' });
    const refused = await tryUpgrade(bob, roomId, { new_version: '12' });
    assert.deepEqual(refusalOf(refused), [403, 'M_FORBIDDEN']);
    const levels = await stateOf(roomId, 'm.room.power_levels');
    await putState(server, alice, roomId, 'm.room.power_levels', {
      ...levels,
      users: { [alice.userId]: 100, [bob.userId]: 10 },
      events: { ...objectAt(levels, 'events'), 'm.room.tombstone': 10 },
    });
    const replacement = await upgrade(bob, roomId, '11');
    const name = await getState(server, bob, replacement, 'm.room.name');
    assert.deepEqual(name, { name: 'Cheese' });
    await act(server, bob, roomId, 'leave');
    assert.deepEqual(refusalOf(await tryUpgrade(bob, roomId, { new_version: '12' })), [403, 'M_FORBIDDEN']);
  });

  it('refuses what is unknown or malformed, and leaves the room as it is', async () => {
    const roomId = await makeRoom(server, alice, { room_version: '11' });
    const refused = async (body: JsonObject, id = roomId): Promise<unknown> =>
      refusalOf(await tryUpgrade(alice, id, body));
    assert.deepEqual(await refused({ new_version: '99' }), [400, 'M_UNSUPPORTED_ROOM_VERSION']);
    assert.deepEqual(await refused({}), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(await refused({ new_version: '12', additional_creators: ['x'] }), [400, 'M_BAD_JSON']);
    assert.deepEqual(await refused({ new_version: '12' }, '!nothing:localhost'), [403, 'M_FORBIDDEN']);
    await assert.rejects(stateOf(roomId, 'm.room.tombstone'));
  });
});
