import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { act, makeRoom, makeTwo, objectsAt, putState, refusalOf } from './rooms-client.ts';

const LIST = '/_matrix/client/v3/publicRooms';

describe('the directory of published rooms', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const visibilityPath = (roomId: string): string =>
    `/_matrix/client/v3/directory/list/room/${encodeURIComponent(roomId)}`;
  const publish = (user: TestUser, roomId: string, body?: JsonObject): Promise<TestReply> =>
    request(server, 'PUT', visibilityPath(roomId), { token: user, body });
  const search = (body: JsonObject): Promise<JsonObject> =>
    succeed(server, 'POST', LIST, { token: alice, body });
  const searchIds = async (filter: JsonObject): Promise<unknown[]> =>
    objectsAt(await search({ filter }), 'chunk').map((room) => room['room_id']);

  it('lists what was published, and describes it', async () => {
    const roomId = await makeRoom(server, alice, {
      visibility: 'public',
      room_alias_name: 'cheese',
      name: 'CHEESE',
      topic: 'Tasty tasty cheese',
      initial_state: [
        { type: 'm.room.avatar', content: { url: 'mxc://localhost/brie' } },
        { type: 'm.room.guest_access', content: { guest_access: 'can_join' } },
        { type: 'm.room.history_visibility', content: { history_visibility: 'world_readable' } },
      ],
    });
    await makeRoom(server, alice, { name: 'hidden CHEESE' });
    await act(server, bob, roomId, 'join');
    const [room, ...others] = objectsAt(await search({ filter: { generic_search_term: 'cheese' } }), 'chunk');
    assert.deepEqual(others, []);
    assert.deepEqual(room, {
      room_id: roomId,
      name: 'CHEESE',
      topic: 'Tasty tasty cheese',
      canonical_alias: '#cheese:localhost',
      avatar_url: 'mxc://localhost/brie',
      num_joined_members: 2,
      world_readable: true,
      guest_can_join: true,
      join_rule: 'public',
    });
    const { body } = await request(server, 'GET', LIST);
    assert.ok(objectsAt(body, 'chunk').some((listed) => listed['room_id'] === roomId));
  });

  it('is searched by name, topic, alias and type', async () => {
    const space = await makeRoom(server, alice, {
      visibility: 'public',
      name: 'Zoo',
      creation_content: { type: 'm.space' },
    });
    const room = await makeRoom(server, alice, {
      visibility: 'public',
      topic: 'about the ZOO',
    });
    assert.deepEqual(await searchIds({ generic_search_term: 'zoo' }), [space, room]);
    assert.deepEqual(await searchIds({ generic_search_term: 'zoo', room_types: ['m.space'] }), [space]);
    assert.deepEqual(await searchIds({ generic_search_term: 'zoo', room_types: [null] }), [room]);
    assert.deepEqual(await searchIds({ generic_search_term: 'zoo', room_types: [] }), []);
    assert.deepEqual(await searchIds({ generic_search_term: 'nowhere to be found' }), []);
  });

  it('comes in pages both ways, the rooms with most members first', async () => {
    const rooms: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      rooms.push(await makeRoom(server, alice, { visibility: 'public', name: `paged ${index}` }));
    }
    const [a = '', b = '', c = '', d = '', e = ''] = rooms;
    await act(server, bob, c, 'join');
    const expected = [c, a, b, d, e];
    const filter = { generic_search_term: 'paged' };
    const ids = (page: JsonObject): unknown[] => objectsAt(page, 'chunk').map((room) => room['room_id']);
    const first = await search({ filter, limit: 2 });
    const second = await search({ filter, limit: 2, since: textAt(first, 'next_batch') });
    const third = await search({ filter, limit: 2, since: textAt(second, 'next_batch') });
    assert.deepEqual(
      [ids(first), ids(second), ids(third)],
      [expected.slice(0, 2), expected.slice(2, 4), [e]],
    );
    assert.equal(first['prev_batch'], undefined);
    assert.equal(third['next_batch'], undefined);
    const back = await search({ filter, limit: 2, since: textAt(third, 'prev_batch') });
    assert.deepEqual(ids(back), expected.slice(2, 4));
    const start = await search({ filter, limit: 2, since: textAt(back, 'prev_batch') });
    assert.deepEqual([ids(start), start['prev_batch']], [expected.slice(0, 2), undefined]);
  });

  it('loses rooms that nobody is in any more', async () => {
    const roomId = await makeRoom(server, alice, { visibility: 'public', name: 'abandoned' });
    await act(server, alice, roomId, 'leave');
    assert.deepEqual(await searchIds({ generic_search_term: 'abandoned' }), []);
  });

  it('is changed by who may set the canonical alias, and nobody else', async () => {
    const roomId = await makeRoom(server, alice, { name: 'published later' });
    await act(server, bob, roomId, 'join');
    assert.deepEqual(refusalOf(await publish(bob, roomId, { visibility: 'public' })), [403, 'M_FORBIDDEN']);
    assert.equal((await publish(alice, roomId)).status, 200);
    assert.deepEqual((await request(server, 'GET', visibilityPath(roomId))).body, { visibility: 'public' });
    await act(server, alice, roomId, 'leave');
    assert.deepEqual(refusalOf(await publish(alice, roomId, { visibility: 'private' })), [
      403,
      'M_FORBIDDEN',
    ]);
    await act(server, alice, roomId, 'join');
    const demoted = await makeRoom(server, alice, { room_version: '11' });
    await act(server, bob, demoted, 'join');
    const levels = { users: { [alice.userId]: 100, [bob.userId]: 50 } };
    await putState(server, alice, demoted, 'm.room.power_levels', levels);
    assert.equal((await publish(bob, demoted, { visibility: 'public' })).status, 200);
    assert.equal((await publish(bob, demoted, { visibility: 'private' })).status, 200);
    assert.deepEqual((await request(server, 'GET', visibilityPath(demoted))).body, {
      visibility: 'private',
    });
  });

  it('refuses what is unknown or malformed', async () => {
    const unknown = '!nothing:localhost';
    assert.deepEqual(refusalOf(await publish(alice, unknown)), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await request(server, 'GET', visibilityPath(unknown))), [404, 'M_NOT_FOUND']);
    const roomId = await makeRoom(server, alice);
    assert.deepEqual(refusalOf(await publish(alice, roomId, { visibility: 'x' })), [400, 'M_BAD_JSON']);
    const ask = (query: string): Promise<TestReply> => request(server, 'GET', `${LIST}?${query}`);
    assert.deepEqual(refusalOf(await ask('since=x')), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await ask('limit=x')), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await ask('server=elsewhere.test')), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await request(server, 'POST', LIST, { body: {} })), [401, 'M_MISSING_TOKEN']);
  });

  it('is left to administrators where the configuration says so', async () => {
    await using strict = await startTestServer({ config: { directoryPublishing: 'admins' } });
    const user = await registerUser(strict, 'carol');
    const roomId = await makeRoom(strict, user);
    const set = (visibility: string): Promise<TestReply> =>
      request(strict, 'PUT', visibilityPath(roomId), { token: user, body: { visibility } });
    assert.deepEqual(refusalOf(await set('public')), [403, 'M_FORBIDDEN']);
    assert.equal((await set('private')).status, 200);
  });
});
