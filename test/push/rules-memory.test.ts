import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { clientPath, syncAs } from '../client-api/facts-client.ts';
import { makeSharedRoom, makeUsers, objectAt, say } from '../client-api/rooms-client.ts';
import { startTestServer, succeed, type TestServer, type TestUser } from '../support/server.ts';

describe('remembered push rules', () => {
  let first: TestServer;
  let second: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  before(async () => {
    first = await startTestServer();
    second = await startTestServer({ database: first.database, clock: first.clock });
  });
  after(async () => {
    await second[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    [alice, bob] = await makeUsers(first, 'alice', 'bob');
    roomId = await makeSharedRoom(first, alice, bob);
  });

  const countOf = async (server: TestServer, user: TestUser): Promise<unknown> =>
    objectAt((await syncAs(server, user)).joined(roomId), 'unread_notifications')['notification_count'];
  const put = (server: TestServer, path: string, body: JsonObject): Promise<JsonObject> =>
    succeed(server, 'PUT', path, { token: bob, body });

  it('are those that were true when an event was sent, whichever process changes or applies them', async () => {
    const rule = clientPath('pushrules', 'global', 'room', roomId);
    let expected = 0;
    for (const [changing, applying] of [
      [first, second],
      [second, first],
      [first, first],
    ] as const) {
      for (const actions of [[], ['notify']]) {
        await put(changing, rule, { actions });
        await say(applying, alice, roomId, 'hello');
        expected += actions.length;
        assert.equal(await countOf(applying, bob), expected);
      }
    }
  });

  it('go with the list of ignored users, whichever process changes or applies it', async () => {
    const list = clientPath('user', bob.userId, 'account_data', 'm.ignored_user_list');
    let expected = 0;
    for (const [changing, applying] of [
      [first, second],
      [second, first],
    ] as const) {
      for (const ignored of [{ [alice.userId]: {} }, {}]) {
        await put(changing, list, { ignored_users: ignored });
        await say(applying, alice, roomId, 'hello');
        expected += Object.keys(ignored).length === 0 ? 1 : 0;
        assert.equal(await countOf(applying, bob), expected);
      }
    }
  });
});
