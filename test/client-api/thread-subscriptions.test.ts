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
import { clientPath, syncAs } from './facts-client.ts';
import { makeSharedRoom, makeTwo, objectAt, objectsAt, pathOf, refusalOf, say } from './rooms-client.ts';

const NOT_FOUND = [404, 'M_NOT_FOUND'];
const NOT_IN_THREAD = [400, 'IO.ELEMENT.MSC4306.M_NOT_IN_THREAD'];
const CONFLICT = [409, 'IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION'];
const RULES = ['.io.element.msc4306.rule.unsubscribed_thread', '.io.element.msc4306.rule.subscribed_thread'];

describe('subscriptions to threads', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  let root: string;
  let sent = 0;
  before(async () => {
    server = await startTestServer({ config: { threadSubscriptions: true } });
  });
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
    roomId = await makeSharedRoom(server, alice, bob);
    root = await say(server, alice, roomId, 'root');
  });
  after(() => server[Symbol.asyncDispose]());

  const path = (rootId: string, room = roomId): string =>
    `/_matrix/client/unstable/io.element.msc4306/rooms/${room}/thread/${rootId}/subscription`;
  const ask = (method: string, rootId = root, body?: JsonObject, user = bob): Promise<TestReply> =>
    request(server, method, path(rootId), { token: user, body });
  const subscribe = (automatic?: string, rootId = root): Promise<TestReply> =>
    ask('PUT', rootId, automatic === undefined ? {} : { automatic });
  const current = async (): Promise<unknown> => {
    const reply = await ask('GET');
    return reply.status === 200 ? reply.body : refusalOf(reply);
  };
  const reply = async (rootId = root, content: JsonObject = {}): Promise<string> => {
    const body = {
      msgtype: 'm.text',
      body: 'reply',
      'm.relates_to': { rel_type: 'm.thread', event_id: rootId },
      ...content,
    };
    const to = pathOf(roomId, 'send', 'm.room.message', `reply${sent++}`);
    return textAt(await succeed(server, 'PUT', to, { token: alice, body }), 'event_id');
  };

  it('begin, end, and end again', async () => {
    assert.deepEqual(await current(), NOT_FOUND);
    assert.equal((await subscribe()).status, 200);
    assert.deepEqual(await current(), { automatic: false });
    assert.deepEqual(refusalOf(await ask('GET', root, undefined, alice)), NOT_FOUND);
    for (let times = 0; times < 2; times += 1) {
      assert.equal((await ask('DELETE')).status, 200);
      assert.deepEqual(await current(), NOT_FOUND);
    }
  });

  it('that a client makes by itself are told apart, until the user makes them', async () => {
    const cause = await reply();
    assert.equal((await subscribe(cause)).status, 200);
    assert.deepEqual(await current(), { automatic: true });
    assert.equal((await subscribe()).status, 200);
    assert.deepEqual(await current(), { automatic: false });
    assert.equal((await subscribe(await reply())).status, 200);
    assert.deepEqual(await current(), { automatic: false });
  });

  it('that a client makes by itself are because of an event in the thread', async () => {
    const elsewhere = await reply(await say(server, alice, roomId, 'another root'));
    for (const cause of [root, elsewhere, await say(server, alice, roomId, 'beside'), '$nothing'])
      assert.deepEqual(refusalOf(await subscribe(cause)), NOT_IN_THREAD);
    assert.deepEqual(await current(), NOT_FOUND);
  });

  it('do not come back because of what was there when the user ended them', async () => {
    const [first, second] = [await reply(), await reply()];
    await subscribe(first);
    await ask('DELETE');
    const third = await reply();
    for (const cause of [first, second]) assert.deepEqual(refusalOf(await subscribe(cause)), CONFLICT);
    assert.deepEqual(await current(), NOT_FOUND);
    assert.equal((await subscribe(third)).status, 200);
    assert.deepEqual(await current(), { automatic: true });
    await ask('DELETE');
    assert.equal((await subscribe()).status, 200);
    assert.deepEqual(await current(), { automatic: false });
  });

  it('are to threads that the user may see', async () => {
    const carol = await registerUser(server, `carol${sent++}`);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const body = method === 'PUT' ? {} : undefined;
      assert.deepEqual(refusalOf(await ask(method, '$nothing:example.org', body)), NOT_FOUND);
      const secret = await makeSharedRoom(server, alice, bob, { preset: 'private_chat' });
      const hidden = await say(server, alice, secret, 'hidden');
      const reply = await request(server, method, path(hidden, secret), { token: carol, body });
      assert.deepEqual(refusalOf(reply), NOT_FOUND);
      assert.deepEqual(refusalOf(await ask(method, hidden, body)), NOT_FOUND);
    }
    assert.deepEqual(refusalOf(await ask('PUT', root, { automatic: 'no id' })), [400, 'M_BAD_JSON']);
  });

  it('decide which messages in threads notify', async () => {
    const counts = async (): Promise<unknown> => {
      const filter = JSON.stringify({ room: { timeline: { unread_thread_notifications: true } } });
      const room = (await syncAs(server, bob, { filter })).joined(roomId);
      const threads = objectAt(room, 'unread_thread_notifications');
      return objectAt(threads, root)['notification_count'] ?? 0;
    };
    await reply();
    assert.equal(await counts(), 0);
    await reply(root, { 'm.mentions': { user_ids: [bob.userId] } });
    assert.equal(await counts(), 1);
    await subscribe();
    await reply();
    assert.equal(await counts(), 2);
    await ask('DELETE');
    await reply();
    assert.equal(await counts(), 2);
  });

  it('have push rules that a user may change, and to which they can add none', async () => {
    const rulePath = (...parts: readonly string[]): string =>
      clientPath('pushrules', 'global', 'postcontent', ...parts);
    const rules = async (): Promise<JsonObject[]> =>
      objectsAt(
        objectAt(await succeed(server, 'GET', clientPath('pushrules', ''), { token: bob }), 'global'),
        'postcontent',
      );
    assert.deepEqual(
      (await rules()).map((rule) => rule['rule_id']),
      RULES,
    );
    const put = (at: string, body: JsonObject): Promise<TestReply> =>
      request(server, 'PUT', at, { token: bob, body });
    const own = await put(rulePath('mine'), { actions: [], conditions: [] });
    assert.deepEqual(refusalOf(own), [400, 'M_INVALID_PARAM']);
    for (const rule of RULES)
      assert.equal((await put(rulePath(rule, 'enabled'), { enabled: false })).status, 200);
    assert.deepEqual(
      (await rules()).map((rule) => rule['enabled']),
      [false, false],
    );
    const before = await syncAs(server, bob);
    await reply();
    const after = await syncAs(server, bob, { since: before.next });
    assert.deepEqual(after.joined(roomId)['unread_notifications'], {
      notification_count: 2,
      highlight_count: 0,
    });
  });

  it('are there where the operator wants them alone', async () => {
    const features = async (on: Pick<TestServer, 'baseUrl'>): Promise<unknown> =>
      objectAt(await succeed(on, 'GET', '/_matrix/client/versions'), 'unstable_features')[
        'org.matrix.msc4306'
      ];
    assert.equal(await features(server), true);
    await using without = await startTestServer();
    assert.equal(await features(without), false);
    const dave = await registerUser(without, 'dave');
    const refused = await request(without, 'GET', path('$root', '!room:localhost'), { token: dave });
    assert.deepEqual(refusalOf(refused), [404, 'M_UNRECOGNIZED']);
    const rules = objectAt(
      await succeed(without, 'GET', clientPath('pushrules', ''), { token: dave }),
      'global',
    );
    assert.equal(Object.hasOwn(rules, 'postcontent'), false);
  });
});
