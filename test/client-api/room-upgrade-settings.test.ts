import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { accountDataIn, clientPath, syncAs } from './facts-client.ts';
import { act, getState, makeRoom, makeSharedRoom, makeTwo, objectAt, putState } from './rooms-client.ts';

const DONT_NOTIFY = { actions: [] };

describe('what a user set for a room that was replaced', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
  });
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const put = (user: TestUser, path: string, body: JsonObject): Promise<JsonObject> =>
    succeed(server, 'PUT', path, { token: user, body });
  const tag = (user: TestUser, roomId: string, name: string, order: number): Promise<JsonObject> =>
    put(user, clientPath('user', user.userId, 'rooms', roomId, 'tags', name), { order });
  const tagsOf = async (user: TestUser, roomId: string): Promise<JsonObject> => {
    const path = clientPath('user', user.userId, 'rooms', roomId, 'tags');
    return objectAt(await succeed(server, 'GET', path, { token: user }), 'tags');
  };
  const directPath = (user: TestUser): string => clientPath('user', user.userId, 'account_data', 'm.direct');
  const directOf = (user: TestUser): Promise<JsonObject> =>
    succeed(server, 'GET', directPath(user), { token: user });
  const rulePath = (kind: string, id: string): string => clientPath('pushrules', 'global', kind, id);
  const ruleStatus = async (user: TestUser, kind: string, id: string): Promise<number> =>
    (await request(server, 'GET', rulePath(kind, id), { token: user })).status;
  const upgrade = async (roomId: string): Promise<string> => {
    const reply = await act(server, alice, roomId, 'upgrade', { new_version: '12' });
    return textAt(reply.body, 'replacement_room');
  };

  it('holds in the new room for who upgrades, at once, and for others when they join', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { room_version: '11' });
    for (const user of [alice, bob]) {
      await tag(user, roomId, 'm.favourite', 0.5);
      const other = user === alice ? bob : alice;
      await put(user, directPath(user), { [other.userId]: [roomId], '@else:where': ['!other:test'] });
      await put(user, rulePath('room', roomId), DONT_NOTIFY);
      const conditions = [{ kind: 'event_match', key: 'room_id', pattern: roomId }];
      await put(user, rulePath('override', 'mute'), { ...DONT_NOTIFY, conditions });
    }
    const before = await syncAs(server, bob);
    const replacement = await upgrade(roomId);
    assert.deepEqual(await tagsOf(bob, replacement), {});
    assert.equal(await ruleStatus(bob, 'room', replacement), 404);
    await act(server, bob, replacement, 'join');
    for (const user of [alice, bob]) {
      const other = user === alice ? bob : alice;
      assert.deepEqual(await tagsOf(user, replacement), { 'm.favourite': { order: 0.5 } });
      const direct = { [other.userId]: [roomId, replacement], '@else:where': ['!other:test'] };
      assert.deepEqual(await directOf(user), direct);
      assert.equal(await ruleStatus(user, 'room', replacement), 200);
      const rule = await succeed(server, 'GET', rulePath('override', replacement), { token: user });
      assert.match(JSON.stringify(rule['conditions']), new RegExp(replacement));
    }
    const synced = await syncAs(server, bob, { since: before.next });
    assert.deepEqual(Object.keys(accountDataIn(synced.body)).sort(), ['m.direct', 'm.push_rules']);
    const tags = accountDataIn(synced.joined(replacement))['m.tag'];
    assert.deepEqual(tags, { tags: { 'm.favourite': { order: 0.5 } } });
  });

  it('adds to what they have set for the new room', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { room_version: '11' });
    await tag(bob, roomId, 'm.favourite', 0.5);
    await tag(bob, roomId, 'u.work', 0.1);
    const replacement = await upgrade(roomId);
    await tag(bob, replacement, 'm.favourite', 0.9);
    const path = clientPath('rooms', replacement, 'state', 'm.room.member', bob.userId);
    await put(bob, path, { membership: 'join' });
    const both = { 'm.favourite': { order: 0.9 }, 'u.work': { order: 0.1 } };
    assert.deepEqual(await tagsOf(bob, replacement), both);
    // A change of their name is no join.
    const gone = clientPath('user', bob.userId, 'rooms', replacement, 'tags', 'u.work');
    await succeed(server, 'DELETE', gone, { token: bob });
    await put(bob, path, { membership: 'join', displayname: 'Bobby' });
    assert.deepEqual(await tagsOf(bob, replacement), { 'm.favourite': { order: 0.9 } });
  });

  it('holds in a room made by hand for its maker, once the tombstone of the other names it', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { room_version: '11' });
    for (const user of [alice, bob]) {
      await tag(user, roomId, 'm.favourite', 0.5);
      await put(user, rulePath('room', roomId), DONT_NOTIFY);
    }
    const replacement = await makeRoom(server, alice, {
      room_version: '11',
      preset: 'public_chat',
      creation_content: { predecessor: { room_id: roomId } },
    });
    assert.equal(await ruleStatus(alice, 'room', replacement), 404);
    const tombstone = { body: 'moved', replacement_room: replacement };
    await putState(server, alice, roomId, 'm.room.tombstone', tombstone);
    await server.services.upgradeFollowers.idle();
    assert.deepEqual(await tagsOf(alice, replacement), { 'm.favourite': { order: 0.5 } });
    assert.equal(await ruleStatus(alice, 'room', replacement), 200);
    assert.equal(await ruleStatus(bob, 'room', replacement), 404);
    await act(server, bob, replacement, 'join');
    assert.equal(await ruleStatus(bob, 'room', replacement), 200);
  });

  it('stays where it is when a room only claims to replace it', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { room_version: '11' });
    await tag(bob, roomId, 'm.favourite', 0.5);
    const predecessor = { room_id: roomId, event_id: '$any' };
    const claim = await makeRoom(server, alice, { room_version: '11', creation_content: { predecessor } });
    assert.deepEqual(
      objectAt(await getState(server, alice, claim, 'm.room.create'), 'predecessor'),
      predecessor,
    );
    await putState(server, alice, roomId, 'm.room.tombstone', { body: '', replacement_room: '!other:test' });
    await act(server, bob, claim, 'join');
    assert.deepEqual(await tagsOf(bob, claim), {});
  });
});
