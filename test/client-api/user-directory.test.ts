import assert from 'node:assert/strict';
import { passwordOf } from '../support/logins.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { request, startTestServer, succeed, type TestServer, type TestUser } from '../support/server.ts';
import { clientPath } from './facts-client.ts';
import {
  makeGuest,
  makeRoom,
  makeSharedRoom,
  makeUsers,
  nameOf,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
} from './rooms-client.ts';

const SEARCH = '/_matrix/client/v3/user_directory/search';
const PRIVATE = { preset: 'private_chat' };

describe('a search for users', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let eve: TestUser;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice, bob, eve] = await makeUsers(server, 'alice', 'bob', 'eve');
  });

  const search = (user: TestUser, term: string, more: JsonObject = {}): Promise<JsonObject> =>
    succeed(server, 'POST', SEARCH, { token: user, body: { search_term: term, ...more } });
  const finds = async (user: TestUser, term: string): Promise<unknown[]> =>
    objectsAt(await search(user, term), 'results').map((found) => found['user_id']);
  const setProfile = (user: TestUser, key: string, value: string): Promise<unknown> =>
    succeed(server, 'PUT', clientPath('profile', user.userId, key), { token: user, body: { [key]: value } });
  const leave = (user: TestUser, roomId: string): Promise<unknown> =>
    succeed(server, 'POST', pathOf(roomId, 'leave'), { token: user });

  it('finds who is in a public room, with what they say of themselves', async () => {
    await makeRoom(server, alice);
    await setProfile(alice, 'displayname', 'Alice Cooper');
    await setProfile(alice, 'avatar_url', 'mxc://localhost/face');
    assert.deepEqual(await search(eve, nameOf(alice)), {
      results: [{ user_id: alice.userId, display_name: 'Alice Cooper', avatar_url: 'mxc://localhost/face' }],
      limited: false,
    });
  });

  it('leaves out what is not said', async () => {
    await makeRoom(server, alice);
    await setProfile(alice, 'displayname', '');
    assert.deepEqual(objectsAt(await search(eve, nameOf(alice)), 'results'), [{ user_id: alice.userId }]);
  });

  it('finds who shares a room, until they leave it', async () => {
    const roomId = await makeSharedRoom(server, bob, alice, PRIVATE);
    assert.deepEqual(await finds(bob, nameOf(alice)), [alice.userId]);
    assert.deepEqual(await finds(eve, nameOf(alice)), []);
    await leave(alice, roomId);
    assert.deepEqual(await finds(bob, nameOf(alice)), []);
  });

  it('finds nobody who is invited only', async () => {
    await makeRoom(server, bob, { ...PRIVATE, invite: [alice.userId] });
    assert.deepEqual(await finds(bob, nameOf(alice)), []);
  });

  it('finds oneself where everybody could', async () => {
    await makeRoom(server, alice, PRIVATE);
    assert.deepEqual(await finds(alice, nameOf(alice)), []);
    await makeRoom(server, alice);
    assert.deepEqual(await finds(alice, nameOf(alice)), [alice.userId]);
  });

  it('follows the join rules and the history visibility of rooms', async () => {
    const roomId = await makeRoom(server, alice);
    const sees = async (): Promise<boolean> => (await finds(eve, nameOf(alice))).length === 1;
    assert.ok(await sees());
    await putState(server, alice, roomId, 'm.room.join_rules', { join_rule: 'invite' });
    assert.ok(!(await sees()));
    const visibility = 'm.room.history_visibility';
    await putState(server, alice, roomId, visibility, { history_visibility: 'world_readable' });
    assert.ok(await sees());
    await putState(server, alice, roomId, visibility, { history_visibility: 'shared' });
    assert.ok(!(await sees()));
    await putState(server, alice, roomId, 'm.room.join_rules', { join_rule: 'public' });
    assert.ok(await sees());
    await putState(server, alice, roomId, 'm.room.join_rules', { join_rule: 'publicity', msgtype: 'm.text' });
    assert.ok(!(await sees()));
    // What follows is packed together with the quote that ends the rule.
    await putState(server, alice, roomId, 'm.room.join_rules', { join_rule: 'public', msgtype: 'm.text' });
    assert.ok(await sees());
    await leave(alice, roomId);
    assert.ok(!(await sees()));
  });

  it('knows nobody by what they are called in one room', async () => {
    await makeRoom(server, alice);
    await setProfile(alice, 'displayname', `Public ${nameOf(alice)}`);
    const roomId = await makeSharedRoom(server, bob, alice, PRIVATE);
    const content = { membership: 'join', displayname: 'Freddie' };
    await putState(server, alice, roomId, 'm.room.member', content, alice.userId);
    for (const searcher of [bob, eve]) {
      assert.deepEqual(await finds(searcher, 'Freddie'), []);
      const found = objectsAt(await search(searcher, `public ${nameOf(alice)}`), 'results');
      assert.deepEqual(found, [{ user_id: alice.userId, display_name: `Public ${nameOf(alice)}` }]);
      assert.deepEqual(await finds(searcher, alice.userId), [alice.userId]);
    }
  });

  it('goes by the beginnings of words, in any order, case and accent', async () => {
    await makeRoom(server, alice);
    await setProfile(alice, 'displayname', 'Élodie «Łucja» Müller-O’Neill ПРИВЕТ');
    for (const term of ['élo', 'ELODIE', 'elodie', 'mul', 'MÜLLER e\u0301lo', 'neill', 'привет', 'При'])
      assert.deepEqual(await finds(eve, term), [alice.userId], term);
    for (const term of ['lodie', 'elodie schmidt', 'ривет', '.*lodie', '...', ''])
      assert.deepEqual(await finds(eve, term), [], term);
    await setProfile(alice, 'displayname', 'e\u0301lodie 山田太郎');
    for (const term of ['Élodie', '太郎', '山田'])
      assert.deepEqual(await finds(eve, term), [alice.userId], term);
  });

  it('goes by user ids, whole or begun, and not by the server alone', async () => {
    await makeRoom(server, alice);
    await setProfile(alice, 'displayname', 'Somebody');
    const name = nameOf(alice);
    for (const term of [name, `@${name}`, `@${name}:local`, `${name}:localhost`, alice.userId.toUpperCase()])
      assert.deepEqual(await finds(eve, term), [alice.userId], term);
    assert.deepEqual(await finds(eve, 'localhost'), []);
    assert.deepEqual(await finds(eve, '@'), []);
    for (const odd of ['a\u0000b', "a' | b:*", `${'a'.repeat(3_000)} \\`, '\ud800 zzz'])
      assert.deepEqual(await finds(eve, odd), [], odd);
  });

  it('puts who is meant first, and says when there are more', async () => {
    const [exact, begins, second] = await makeUsers(server, 'u', 'u', 'u');
    for (const [user, displayname] of [
      [second, 'Bert Zaphod'],
      [begins, 'Zaphod Beeblebrox'],
      [exact, 'zaphod'],
    ] as const) {
      await makeRoom(server, user);
      await setProfile(user, 'displayname', displayname);
    }
    const order = [exact.userId, begins.userId, second.userId];
    assert.deepEqual(await finds(eve, 'Zaphod'), order);
    const two = await search(eve, 'Zaphod', { limit: 2 });
    assert.deepEqual(
      [objectsAt(two, 'results').map((found) => found['user_id']), two['limited']],
      [order.slice(0, 2), true],
    );
    assert.equal((await search(eve, 'Zaphod', { limit: 3 }))['limited'], false);
  });

  it('gives ten unless it is told how many, and fifty at most', async () => {
    const roomId = await makeRoom(server, alice);
    for (const { accessToken } of await makeUsers(server, ...Array<string>(52).fill('crowd')))
      await succeed(server, 'POST', pathOf(roomId, 'join'), { token: accessToken });
    const count = async (more: JsonObject): Promise<number> =>
      objectsAt(await search(eve, 'crowd', more), 'results').length;
    assert.deepEqual(
      [await count({}), await count({ limit: 1_000 }), await count({ limit: 51 })],
      [10, 50, 50],
    );
  }).timeout(60_000);

  it('finds no deactivated users', async () => {
    await makeRoom(server, alice);
    const path = '/_matrix/client/v3/account/deactivate';
    const { body } = await request(server, 'POST', path, { token: alice, body: {} });
    await succeed(server, 'POST', path, {
      token: alice,
      body: { auth: { ...passwordOf(alice), session: body['session'] } },
    });
    assert.deepEqual(await finds(eve, nameOf(alice)), []);
  });

  it('finds everyone where the configuration says so', async () => {
    await using open = await startTestServer({ config: { userDirectorySearchAllUsers: true } });
    const [carol, dave] = await makeUsers(open, 'carol', 'dave');
    const body = { search_term: nameOf(carol) };
    const found = await succeed(open, 'POST', SEARCH, { token: dave, body });
    assert.deepEqual(
      objectsAt(found, 'results').map((user) => user['user_id']),
      [carol.userId],
    );
    const own = await succeed(open, 'POST', SEARCH, { token: carol, body });
    assert.deepEqual(own, { results: [], limited: false });
  });

  it('is refused without a term, and to guests and strangers', async () => {
    const refused = async (body: JsonObject, token?: TestUser): Promise<unknown> =>
      refusalOf(await request(server, 'POST', SEARCH, { token, body }));
    assert.deepEqual(await refused({}, eve), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(await refused({ search_term: 1 }, eve), [400, 'M_BAD_JSON']);
    assert.deepEqual(await refused({ search_term: 'x', limit: 'all' }, eve), [400, 'M_BAD_JSON']);
    const guest = await makeGuest(server);
    assert.deepEqual(await refused({ search_term: 'x' }, guest), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
    assert.deepEqual(await refused({ search_term: 'x' }), [401, 'M_MISSING_TOKEN']);
  });
});
