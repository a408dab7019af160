import assert from 'node:assert/strict';
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
  FORBIDDEN,
  act,
  makeGuest,
  makeRoom,
  makeTwo,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
  say,
  textsOf,
} from './rooms-client.ts';

describe('peeking into a room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const openToTheWorld = {
    initial_state: [{ type: 'm.room.history_visibility', content: { history_visibility: 'world_readable' } }],
  };
  const look = (user: TestUser, roomId: string, query = ''): Promise<TestReply> =>
    request(server, 'GET', `${pathOf(roomId, 'initialSync')}?${query}`, { token: user });
  const wait = (user: TestUser, roomId: string, query: Record<string, string> = {}): Promise<TestReply> => {
    const text = new URLSearchParams({ room_id: roomId, ...query }).toString();
    return request(server, 'GET', `/_matrix/client/v3/events?${text}`, { token: user });
  };

  it('shows state and the last events, oldest first, where the world can read', async () => {
    const roomId = await makeRoom(server, alice, { ...openToTheWorld, name: 'Window' });
    for (const text of ['one', 'two', 'three']) await say(server, alice, roomId, text);
    for (const viewer of [bob, await makeGuest(server)]) {
      const { body } = await look(viewer, roomId, 'limit=2');
      const messages = objectAt(body, 'messages');
      assert.deepEqual(textsOf(objectsAt(messages, 'chunk')), ['two', 'three']);
      assert.ok(objectsAt(body, 'state').some((event) => event['type'] === 'm.room.name'));
      assert.deepEqual(
        [body['room_id'], body['visibility'], body['membership']],
        [roomId, 'private', undefined],
      );
      const path = `${pathOf(roomId, 'messages')}?dir=b&limit=1&from=${textAt(messages, 'start')}`;
      assert.deepEqual(textsOf(objectsAt(await succeed(server, 'GET', path, { token: viewer }), 'chunk')), [
        'one',
      ]);
    }
  });

  it('shows members their own account data, and nothing new to who has left', async () => {
    const roomId = await makeRoom(server, alice);
    await act(server, bob, roomId, 'join');
    const data = `/_matrix/client/v3/user/${encodeURIComponent(bob.userId)}/rooms/${encodeURIComponent(roomId)}/account_data/org.example`;
    await succeed(server, 'PUT', data, { token: bob, body: { a: 1 } });
    const { body } = await look(bob, roomId);
    assert.deepEqual(body['account_data'], [{ type: 'org.example', content: { a: 1 } }]);
    assert.equal(body['membership'], 'join');
    await act(server, bob, roomId, 'leave');
    await say(server, alice, roomId, 'behind your back');
    await putState(server, alice, roomId, 'm.room.name', { name: 'new' });
    const later = (await look(bob, roomId)).body;
    assert.equal(later['membership'], 'leave');
    assert.ok(!textsOf(objectsAt(objectAt(later, 'messages'), 'chunk')).includes('behind your back'));
    assert.ok(!objectsAt(later, 'state').some((event) => event['type'] === 'm.room.name'));
  });

  it('goes on from a token, and waits for what comes next', async () => {
    const roomId = await makeRoom(server, alice, openToTheWorld);
    const start = textAt(objectAt((await look(bob, roomId)).body, 'messages'), 'end');
    await say(server, alice, roomId, 'first');
    const first = (await wait(bob, roomId, { from: start })).body;
    assert.deepEqual(textsOf(objectsAt(first, 'chunk')), ['first']);
    assert.equal(first['start'], start);
    const from = textAt(first, 'end');
    assert.deepEqual(objectsAt((await wait(bob, roomId, { from })).body, 'chunk'), []);
    const waiting = wait(bob, roomId, { from, timeout: '30000' });
    await say(server, alice, roomId, 'second');
    assert.deepEqual(textsOf(objectsAt((await waiting).body, 'chunk')), ['second']);
  });

  it('ends when the world cannot read any more', async () => {
    const roomId = await makeRoom(server, alice, openToTheWorld);
    assert.equal((await wait(bob, roomId)).status, 200);
    await putState(server, alice, roomId, 'm.room.history_visibility', { history_visibility: 'shared' });
    assert.deepEqual(refusalOf(await wait(bob, roomId)), FORBIDDEN);
    assert.deepEqual(refusalOf(await look(bob, roomId)), FORBIDDEN);
    assert.deepEqual(refusalOf(await look(bob, '!nothing:localhost')), FORBIDDEN);
  });

  it('refuses what is malformed', async () => {
    const roomId = await makeRoom(server, alice, openToTheWorld);
    assert.deepEqual(refusalOf(await wait(bob, roomId, { from: 'x' })), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await wait(bob, roomId, { timeout: 'x' })), [400, 'M_INVALID_PARAM']);
    const without = await request(server, 'GET', '/_matrix/client/v3/events', { token: bob });
    assert.deepEqual(refusalOf(without), [400, 'M_MISSING_PARAM']);
  });
});

describe('the rooms that two users share', () => {
  it('are those that both are in', async () => {
    await using server = await startTestServer();
    const [alice, bob] = await makeTwo(server);
    const ask = (userId: string, query = ''): Promise<TestReply> => {
      const path = `/_matrix/client/v1/mutual_rooms?user_id=${encodeURIComponent(userId)}${query}`;
      return request(server, 'GET', path, { token: alice });
    };
    const shared = await makeRoom(server, alice);
    const left = await makeRoom(server, alice);
    await makeRoom(server, alice);
    await act(server, bob, shared, 'join');
    await act(server, bob, left, 'join');
    await act(server, bob, left, 'leave');
    assert.deepEqual((await ask(bob.userId)).body, { joined: [shared], count: 1 });
    assert.deepEqual((await ask('@nobody:elsewhere.test')).body, { joined: [], count: 0 });
    const invalid = [400, 'M_INVALID_PARAM'];
    assert.deepEqual(refusalOf(await ask(alice.userId)), invalid);
    assert.deepEqual(refusalOf(await ask('@ü:localhost')), invalid);
    assert.deepEqual(refusalOf(await ask('bob')), invalid);
    assert.deepEqual(refusalOf(await ask(bob.userId, '&from=x')), invalid);
  });
});
