import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { startTestServer, succeed, type TestServer, type TestUser } from '../support/server.ts';
import { clientPath, syncAs, type Synced } from './facts-client.ts';
import {
  act,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  say,
  textsOf,
} from './rooms-client.ts';

describe('ignored users', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
    roomId = await makeSharedRoom(server, bob, alice);
  });

  const ignore = async (list: JsonValue): Promise<void> => {
    const path = clientPath('user', alice.userId, 'account_data', 'm.ignored_user_list');
    await succeed(server, 'PUT', path, { token: alice, body: { ignored_users: list } });
  };
  const timelineIn = (synced: Synced): unknown[] =>
    textsOf(objectsAt(objectAt(synced.joined(roomId), 'timeline'), 'events'));
  const page = async (): Promise<JsonObject> =>
    succeed(server, 'GET', `${pathOf(roomId, 'messages')}?limit=3`, { token: alice });

  it('are not heard any more, but their state is', async () => {
    await ignore({ [bob.userId]: {} });
    const { next } = await syncAs(server, alice);
    await say(server, bob, roomId, 'from bob');
    await say(server, alice, roomId, 'from alice');
    await putState(server, bob, roomId, 'm.room.topic', { topic: 'new' });
    assert.deepEqual(timelineIn(await syncAs(server, alice, { since: next })), [
      'from alice',
      'm.room.topic',
    ]);
    assert.deepEqual(textsOf(objectsAt(await page(), 'chunk')).slice(0, 2), ['m.room.topic', 'from alice']);
    assert.equal(timelineIn(await syncAs(server, alice)).includes('from bob'), false);
    const context = await succeed(
      server,
      'GET',
      pathOf(roomId, 'context', await say(server, alice, roomId, 'x')),
      { token: alice },
    );
    assert.equal(textsOf(objectsAt(context, 'events_before')).includes('from bob'), false);
  });

  it('hear the one who ignores them', async () => {
    await ignore({ [bob.userId]: {} });
    const { next } = await syncAs(server, bob);
    await say(server, alice, roomId, 'from alice');
    assert.deepEqual(timelineIn(await syncAs(server, bob, { since: next })), ['from alice']);
  });

  it('are heard again as soon as they are not ignored', async () => {
    await ignore({ [bob.userId]: {} });
    await say(server, bob, roomId, 'unheard');
    const { next } = await syncAs(server, alice);
    await ignore({});
    await say(server, bob, roomId, 'heard');
    assert.deepEqual(timelineIn(await syncAs(server, alice, { since: next })), ['heard']);
  });

  it('invite in vain', async () => {
    await ignore({ [bob.userId]: {} });
    const { next } = await syncAs(server, alice);
    const invites = (synced: Synced): string[] =>
      Object.keys(objectAt(objectAt(synced.body, 'rooms'), 'invite'));
    const [carol] = await makeTwo(server);
    const [unwanted, wanted] = [await makeRoom(server, bob), await makeRoom(server, carol)];
    for (const [host, room] of [
      [bob, unwanted],
      [carol, wanted],
    ] as const)
      assert.equal((await act(server, host, room, 'invite', { user_id: alice.userId })).status, 200);
    assert.deepEqual(invites(await syncAs(server, alice, { since: next })), [wanted]);
    assert.deepEqual(invites(await syncAs(server, alice)), [wanted]);
  });

  it('are nobody where the list is malformed', async () => {
    for (const list of [[bob.userId], 'bob', { bob: {} }, null] satisfies JsonValue[]) {
      await ignore(list);
      const { next } = await syncAs(server, alice);
      await say(server, bob, roomId, 'heard');
      assert.deepEqual(timelineIn(await syncAs(server, alice, { since: next })), ['heard']);
    }
  });
});
