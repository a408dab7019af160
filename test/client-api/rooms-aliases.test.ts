import assert from 'node:assert/strict';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import {
  FORBIDDEN,
  act,
  getState,
  makeRoom,
  makeSharedRoom,
  makeUsers,
  pathOf,
  putState,
  refusalOf,
} from './rooms-client.ts';

describe('room aliases', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  let made = 0;
  before(async () => {
    server = await startTestServer();
    [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
  });
  after(() => server[Symbol.asyncDispose]());

  const newAlias = (name = 'alias'): string => `#${name}${made++}:localhost`;
  const ask = (method: string, alias: string, user?: TestUser, body?: unknown): Promise<TestReply> =>
    request(server, method, `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`, {
      token: user,
      body,
    });
  const point = (user: TestUser, alias: string, roomId: string): Promise<TestReply> =>
    ask('PUT', alias, user, { room_id: roomId });
  const aliasesOf = async (user: TestUser, roomId: string): Promise<unknown> =>
    (await succeed(server, 'GET', pathOf(roomId, 'aliases'), { token: user }))['aliases'];

  it('lead to a room, for anyone who asks', async () => {
    const roomId = await makeRoom(server, alice);
    for (const alias of [newAlias(), newAlias('老虎🤨👉'), newAlias('a/b%')]) {
      assert.deepEqual((await point(alice, alias, roomId)).body, {});
      assert.deepEqual((await ask('GET', alias)).body, { room_id: roomId, servers: ['localhost'] });
    }
  });

  it('are made with a room, as its canonical alias', async () => {
    const roomId = await makeRoom(server, alice, { room_alias_name: 'with-room' });
    assert.equal((await ask('GET', '#with-room:localhost')).body['room_id'], roomId);
    const canonical = await getState(server, alice, roomId, 'm.room.canonical_alias');
    assert.deepEqual(canonical, { alias: '#with-room:localhost' });
  });

  it('stand for the room when joining and knocking', async () => {
    const alias = newAlias();
    const roomId = await makeRoom(server, alice, {
      initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }],
    });
    await point(alice, alias, roomId);
    const knock = `/_matrix/client/v3/knock/${encodeURIComponent(alias)}`;
    assert.deepEqual(await succeed(server, 'POST', knock, { token: bob, body: {} }), { room_id: roomId });
    await putState(server, alice, roomId, 'm.room.join_rules', { join_rule: 'public' });
    const join = `/_matrix/client/v3/join/${encodeURIComponent(alias)}`;
    assert.deepEqual(await succeed(server, 'POST', join, { token: bob }), { room_id: roomId });
    const nowhere = `/_matrix/client/v3/join/${encodeURIComponent('#nowhere:localhost')}`;
    assert.deepEqual(refusalOf(await request(server, 'POST', nowhere, { token: bob })), [404, 'M_NOT_FOUND']);
  });

  it('are listed to members, and to all where the world can read', async () => {
    const roomId = await makeRoom(server, alice);
    assert.deepEqual(await aliasesOf(alice, roomId), []);
    const alias = newAlias();
    await point(alice, alias, roomId);
    assert.deepEqual(await aliasesOf(alice, roomId), [alias]);
    const list = (id: string): Promise<TestReply> =>
      request(server, 'GET', pathOf(id, 'aliases'), { token: bob });
    assert.deepEqual(refusalOf(await list(roomId)), FORBIDDEN);
    assert.deepEqual(refusalOf(await list('!nothing:localhost')), FORBIDDEN);
    await putState(server, alice, roomId, 'm.room.history_visibility', {
      history_visibility: 'world_readable',
    });
    assert.deepEqual(await aliasesOf(bob, roomId), [alias]);
  });

  it('are made by members only, once, and on this server only', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    const alias = newAlias();
    assert.deepEqual(refusalOf(await point(carol, alias, roomId)), FORBIDDEN);
    assert.deepEqual(refusalOf(await point(alice, alias, '!nothing:localhost')), FORBIDDEN);
    assert.equal((await point(bob, alias, roomId)).status, 200);
    assert.deepEqual(refusalOf(await point(alice, alias, roomId)), [409, 'M_UNKNOWN']);
    assert.deepEqual(refusalOf(await point(alice, '#a:elsewhere.test', roomId)), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await point(alice, 'alias', roomId)), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await ask('PUT', newAlias(), alice, {})), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(refusalOf(await ask('PUT', newAlias(), alice, { room_id: 'x' })), [400, 'M_BAD_JSON']);
  });

  it('are not found where they lead nowhere', async () => {
    for (const alias of ['#nowhere:localhost', '#a:elsewhere.test']) {
      assert.deepEqual(refusalOf(await ask('GET', alias)), [404, 'M_NOT_FOUND']);
      assert.deepEqual(refusalOf(await ask('DELETE', alias, alice)), [404, 'M_NOT_FOUND']);
    }
    assert.deepEqual(refusalOf(await ask('GET', 'nowhere')), [400, 'M_INVALID_PARAM']);
  });

  it('are removed by who made them, who has the power, and nobody else', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await act(server, carol, roomId, 'join');
    const [own, others] = [newAlias(), newAlias()];
    await point(bob, own, roomId);
    await point(bob, others, roomId);
    assert.deepEqual(refusalOf(await ask('DELETE', own, carol)), FORBIDDEN);
    assert.deepEqual((await ask('DELETE', own, bob)).body, {});
    assert.deepEqual((await ask('DELETE', others, alice)).body, {});
    assert.deepEqual(await aliasesOf(alice, roomId), []);
  });

  it('vanish from m.room.canonical_alias with their removal', async () => {
    const roomId = await makeRoom(server, alice);
    const [main, second, third] = [newAlias(), newAlias(), newAlias()];
    for (const alias of [main, second, third]) await point(alice, alias, roomId);
    await putState(server, alice, roomId, 'm.room.canonical_alias', {
      alias: main,
      alt_aliases: [second, third],
    });
    const canonical = (): Promise<unknown> => getState(server, alice, roomId, 'm.room.canonical_alias');
    await ask('DELETE', second, alice);
    assert.deepEqual(await canonical(), { alias: main, alt_aliases: [third] });
    await ask('DELETE', main, alice);
    assert.deepEqual(await canonical(), { alt_aliases: [third] });
    await ask('DELETE', third, alice);
    assert.deepEqual(await canonical(), {});
  });

  it('are removed by their maker even from a room whose canonical alias they are', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    const alias = newAlias();
    await point(bob, alias, roomId);
    await putState(server, alice, roomId, 'm.room.canonical_alias', { alias });
    assert.deepEqual((await ask('DELETE', alias, bob)).body, {});
    assert.deepEqual(refusalOf(await ask('GET', alias)), [404, 'M_NOT_FOUND']);
  });
});
