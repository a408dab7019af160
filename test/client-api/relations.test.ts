import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
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
  makeRoom,
  makeSharedRoom,
  makeUsers,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
  say,
  textsOf,
} from './rooms-client.ts';

const ROUNDS = 100;
const AT_ONCE = 6;

describe('related events', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  let sent = 0;
  before(async () => {
    server = await startTestServer();
    [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
  });
  after(() => server[Symbol.asyncDispose]());

  const trySend = (
    user: TestUser,
    roomId: string,
    relation: JsonObject,
    content: JsonObject = {},
    type = 'm.room.message',
  ): Promise<TestReply> =>
    request(server, 'PUT', pathOf(roomId, 'send', type, `relate${sent++}`), {
      token: user,
      body: { msgtype: 'm.text', body: 'child', ...content, 'm.relates_to': relation },
    });
  const send = async (...args: Parameters<typeof trySend>): Promise<string> => {
    const reply = await trySend(...args);
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    return textAt(reply.body, 'event_id');
  };
  const edit = (user: TestUser, roomId: string, target: string, text: string): Promise<string> =>
    send(
      user,
      roomId,
      { rel_type: 'm.replace', event_id: target },
      { body: `* ${text}`, 'm.new_content': { msgtype: 'm.text', body: text } },
    );
  const reply = (user: TestUser, roomId: string, root: string, text: string): Promise<string> =>
    send(user, roomId, { rel_type: 'm.thread', event_id: root }, { body: text });
  const react = (user: TestUser, roomId: string, target: string, key: string): Promise<string> =>
    send(user, roomId, { rel_type: 'm.annotation', event_id: target, key }, {}, 'm.reaction');
  const refer = (user: TestUser, roomId: string, target: string): Promise<string> =>
    send(user, roomId, { rel_type: 'm.reference', event_id: target });
  const redact = (user: TestUser, roomId: string, eventId: string): Promise<JsonObject> =>
    succeed(server, 'PUT', pathOf(roomId, 'redact', eventId, `redact${sent++}`), { token: user, body: {} });
  const ignore = (user: TestUser, ...others: readonly TestUser[]): Promise<JsonObject> =>
    succeed(
      server,
      'PUT',
      `/_matrix/client/v3/user/${encodeURIComponent(user.userId)}/account_data/m.ignored_user_list`,
      {
        token: user,
        body: { ignored_users: Object.fromEntries(others.map((other) => [other.userId, {}])) },
      },
    );

  const pathUnder = (roomId: string, ...parts: readonly string[]): string =>
    pathOf(roomId, ...parts).replace('/v3/', '/v1/');
  const relationsOf = (
    user: TestUser,
    roomId: string,
    parts: readonly string[],
    query = '',
  ): Promise<TestReply> =>
    request(server, 'GET', `${pathUnder(roomId, 'relations', ...parts)}?${query}`, { token: user });
  const idsIn = (body: JsonObject): (JsonValue | undefined)[] =>
    objectsAt(body, 'chunk').map((event) => event['event_id']);
  const threadsOf = (user: TestUser, roomId: string, query = ''): Promise<TestReply> =>
    request(server, 'GET', `${pathUnder(roomId, 'threads')}?${query}`, { token: user });
  const bundleIn = (event: JsonObject): JsonObject => objectAt(objectAt(event, 'unsigned'), 'm.relations');
  const bundleOf = async (user: TestUser, roomId: string, eventId: string): Promise<JsonObject> =>
    bundleIn(await succeed(server, 'GET', pathOf(roomId, 'event', eventId), { token: user }));

  describe('in lists', () => {
    it('are listed newest first, by relation and by type', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const root = await say(server, alice, roomId, 'root');
      const edited = await edit(alice, roomId, root, 'edited');
      const reaction = await react(bob, roomId, root, '👍');
      const inThread = await reply(bob, roomId, root, 'reply');
      await say(server, alice, roomId, 'unrelated');
      const ask = async (...parts: readonly string[]): Promise<unknown> =>
        idsIn((await relationsOf(bob, roomId, [root, ...parts])).body);
      assert.deepEqual(await ask(), [inThread, reaction, edited]);
      assert.deepEqual(await ask('m.annotation'), [reaction]);
      assert.deepEqual(await ask('m.annotation', 'm.reaction'), [reaction]);
      assert.deepEqual(await ask('m.annotation', 'm.room.message'), []);
      const unstable = pathOf(roomId, 'relations', root, 'm.thread').replace('/v3/', '/unstable/');
      assert.deepEqual(idsIn(await succeed(server, 'GET', unstable, { token: bob })), [inThread]);
    });

    it('come in pages both ways, without gap or repeat', async () => {
      const roomId = await makeRoom(server, alice);
      const root = await say(server, alice, roomId, 'root');
      const children: string[] = [];
      for (let index = 0; index < 5; index += 1) children.push(await refer(alice, roomId, root));
      for (const dir of ['b', 'f']) {
        const seen: unknown[] = [];
        let from: string | undefined;
        do {
          const query: string = `dir=${dir}&limit=2${from === undefined ? '' : `&from=${from}`}`;
          const { body } = await relationsOf(alice, roomId, [root], query);
          assert.equal(body['prev_batch'], from);
          seen.push(...idsIn(body));
          from = body['next_batch'] === undefined ? undefined : textAt(body, 'next_batch');
        } while (from !== undefined && seen.length < 20);
        assert.deepEqual(seen, dir === 'b' ? children.toReversed() : children);
      }
    });

    it('reach children of children when asked to', async () => {
      const roomId = await makeRoom(server, alice);
      const root = await say(server, alice, roomId, 'root');
      const chain = [root];
      for (let index = 0; index < 4; index += 1) chain.push(await refer(alice, roomId, chain.at(-1) ?? ''));
      const direct = (await relationsOf(alice, roomId, [root])).body;
      assert.deepEqual([idsIn(direct), direct['recursion_depth']], [[chain[1]], undefined]);
      const deep = (await relationsOf(alice, roomId, [root], 'recurse=true&dir=f')).body;
      assert.deepEqual([idsIn(deep), deep['recursion_depth']], [chain.slice(1, 4), 3]);
      const reaction = await react(alice, roomId, chain[1] ?? '', '👍');
      const filtered = await relationsOf(alice, roomId, [root, 'm.annotation'], 'recurse=true');
      assert.deepEqual(idsIn(filtered.body), [reaction]);
    });

    it('leave out what was redacted, replies without a relation type, and other rooms', async () => {
      const roomId = await makeRoom(server, alice);
      const elsewhere = await makeRoom(server, alice);
      const root = await say(server, alice, roomId, 'root');
      await redact(alice, roomId, await refer(alice, roomId, root));
      await send(alice, roomId, { 'm.in_reply_to': { event_id: root } });
      await refer(alice, elsewhere, root);
      assert.deepEqual(idsIn((await relationsOf(alice, roomId, [root])).body), []);
      assert.deepEqual(await bundleOf(alice, roomId, root), {});
    });

    it('hide what the reader may not see', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const root = await say(server, alice, roomId, 'root');
      const before = await refer(alice, roomId, root);
      assert.deepEqual(refusalOf(await relationsOf(carol, roomId, [root])), [404, 'M_NOT_FOUND']);
      await act(server, bob, roomId, 'leave');
      await refer(alice, roomId, root);
      await reply(alice, roomId, root, 'after');
      await edit(alice, roomId, root, 'after');
      assert.deepEqual(idsIn((await relationsOf(bob, roomId, [root])).body), [before]);
      assert.deepEqual(await bundleOf(bob, roomId, root), {
        'm.reference': { chunk: [{ event_id: before }] },
      });
    });

    it('refuse what is malformed', async () => {
      const roomId = await makeRoom(server, alice);
      const root = await say(server, alice, roomId, 'root');
      const refused = async (query: string): Promise<unknown> =>
        refusalOf(await relationsOf(alice, roomId, [root], query));
      for (const query of ['from=x', 'dir=up', 'limit=-1', 'recurse=maybe'])
        assert.deepEqual(await refused(query), [400, 'M_INVALID_PARAM'], query);
      assert.deepEqual(refusalOf(await relationsOf(alice, roomId, ['$unknown'])), [404, 'M_NOT_FOUND']);
      const elsewhere = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await relationsOf(alice, elsewhere, [root])), [404, 'M_NOT_FOUND']);
    });
  });

  describe('bundled with their parent', () => {
    it('show the latest edit and leave the content alone', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const root = await say(server, alice, roomId, 'root');
      await edit(alice, roomId, root, 'first');
      server.clock.advance(1_000);
      const latest = await edit(alice, roomId, root, 'second');
      const event = await succeed(server, 'GET', pathOf(roomId, 'event', root), { token: bob });
      assert.deepEqual(objectAt(event, 'content'), { msgtype: 'm.text', body: 'root' });
      const replacement = objectAt(bundleIn(event), 'm.replace');
      assert.equal(replacement['event_id'], latest);
      assert.equal(objectAt(objectAt(replacement, 'content'), 'm.new_content')['body'], 'second');
      await redact(alice, roomId, latest);
      const before = objectAt(await bundleOf(bob, roomId, root), 'm.replace');
      assert.equal(objectAt(objectAt(before, 'content'), 'm.new_content')['body'], 'first');
      await redact(alice, roomId, root);
      assert.deepEqual(await bundleOf(bob, roomId, root), {});
    });

    it('pass over edits that are none', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const root = await say(server, alice, roomId, 'root');
      const edited = await edit(alice, roomId, root, 'valid');
      server.clock.advance(1_000);
      const relation = { rel_type: 'm.replace', event_id: root };
      await edit(bob, roomId, root, 'not mine');
      await send(alice, roomId, relation);
      await send(alice, roomId, relation, { 'm.new_content': {} }, 'org.example.other');
      await edit(alice, roomId, edited, 'edit of an edit');
      const bundle = await bundleOf(alice, roomId, root);
      assert.equal(objectAt(bundle, 'm.replace')['event_id'], edited);
      assert.deepEqual(await bundleOf(alice, roomId, edited), {});
    });

    it('sum up the thread that starts at an event', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, carol, roomId, 'join');
      const root = await say(server, alice, roomId, 'root');
      await reply(bob, roomId, root, 'one');
      const last = await reply(bob, roomId, root, 'two');
      await edit(bob, roomId, last, 'two, edited');
      const seenBy = async (user: TestUser): Promise<JsonObject> =>
        objectAt(await bundleOf(user, roomId, root), 'm.thread');
      const byBob = await seenBy(bob);
      assert.deepEqual([byBob['count'], byBob['current_user_participated']], [2, true]);
      const latest = objectAt(byBob, 'latest_event');
      assert.equal(latest['event_id'], last);
      assert.equal(textsOf([objectAt(bundleIn(latest), 'm.replace')])[0], '* two, edited');
      assert.equal((await seenBy(alice))['current_user_participated'], true);
      assert.equal((await seenBy(carol))['current_user_participated'], false);
      await redact(bob, roomId, last);
      assert.equal((await seenBy(carol))['count'], 1);
      await ignore(carol, bob);
      assert.deepEqual(await seenBy(carol), {});
      await ignore(carol);
    });

    it('list references and never count annotations', async () => {
      const roomId = await makeRoom(server, alice);
      const root = await say(server, alice, roomId, 'root');
      await react(alice, roomId, root, '👍');
      assert.deepEqual(await bundleOf(alice, roomId, root), {});
      const references = [await refer(alice, roomId, root), await refer(alice, roomId, root)];
      assert.deepEqual(await bundleOf(alice, roomId, root), {
        'm.reference': { chunk: references.map((eventId) => ({ event_id: eventId })) },
      });
    });

    it('appear wherever events are read, but not on state', async () => {
      const roomId = await makeRoom(server, alice);
      const root = await say(server, alice, roomId, 'root');
      const topic = await putState(server, alice, roomId, 'm.room.topic', { topic: 'x' });
      await refer(alice, roomId, textAt(topic.body, 'event_id'));
      const reference = await refer(alice, roomId, root);
      const expected = { 'm.reference': { chunk: [{ event_id: reference }] } };
      const rootIn = (events: readonly JsonObject[]): JsonObject =>
        bundleIn(events.find((event) => event['event_id'] === root) ?? {});
      const messages = await succeed(server, 'GET', `${pathOf(roomId, 'messages')}?limit=50`, {
        token: alice,
      });
      const chunk = objectsAt(messages, 'chunk');
      assert.deepEqual(rootIn(chunk), expected);
      assert.deepEqual(bundleIn(chunk.find((event) => event['type'] === 'm.room.topic') ?? {}), {});
      const context = await succeed(server, 'GET', pathOf(roomId, 'context', root), { token: alice });
      assert.deepEqual(bundleIn(objectAt(context, 'event')), expected);
      const sync = await succeed(server, 'GET', '/_matrix/client/v3/sync', { token: alice });
      const joined = objectAt(objectAt(objectAt(sync, 'rooms'), 'join'), roomId);
      assert.deepEqual(rootIn(objectsAt(objectAt(joined, 'timeline'), 'events')), expected);
    });
  });

  describe('when sent', () => {
    it('refuse the same annotation twice, until it is redacted', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const root = await say(server, alice, roomId, 'root');
      const first = await react(alice, roomId, root, '👍');
      const again = { rel_type: 'm.annotation', event_id: root, key: '👍' };
      const second = await trySend(alice, roomId, again, {}, 'm.reaction');
      assert.deepEqual(refusalOf(second), [400, 'M_DUPLICATE_ANNOTATION']);
      await react(alice, roomId, root, '👎');
      await react(bob, roomId, root, '👍');
      await redact(alice, roomId, first);
      await react(alice, roomId, root, '👍');
    });

    it('are sent once when the same annotation comes many times at once, at two servers', async () => {
      await using other = await startTestServer({ database: server.database, clock: server.clock });
      const roomId = await makeRoom(server, alice);
      const root = await say(server, alice, roomId, 'root');
      for (let round = 0; round < ROUNDS; round += 1) {
        const body = { 'm.relates_to': { rel_type: 'm.annotation', event_id: root, key: `key ${round}` } };
        const replies = await Promise.all(
          Array.from({ length: AT_ONCE }, (_, n) =>
            request(
              n % 2 === 0 ? server : other,
              'PUT',
              pathOf(roomId, 'send', 'm.reaction', `${round}-${n}`),
              {
                token: alice,
                body,
              },
            ),
          ),
        );
        const refused = replies.filter(({ status }) => status !== 200);
        assert.equal(refused.length, AT_ONCE - 1, `round ${round}`);
        for (const reply of refused) assert.deepEqual(refusalOf(reply), [400, 'M_DUPLICATE_ANNOTATION']);
      }
    });

    it('start no thread at an event that relates to another', async () => {
      const roomId = await makeRoom(server, alice);
      const root = await say(server, alice, roomId, 'root');
      const child = await reply(alice, roomId, root, 'one');
      const nested = await trySend(alice, roomId, { rel_type: 'm.thread', event_id: child });
      assert.deepEqual(refusalOf(nested), [400, 'M_UNKNOWN']);
    });
  });

  describe('of threads', () => {
    it('list the threads of a room, the latest reply first, in pages', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const roots: string[] = [];
      for (const text of ['a', 'b', 'c']) roots.push(await say(server, alice, roomId, text));
      const [a = '', b = '', c = ''] = roots;
      for (const root of [a, b, c]) await reply(alice, roomId, root, 'reply');
      await reply(bob, roomId, a, 'reply');
      const first = (await threadsOf(bob, roomId, 'limit=2')).body;
      assert.deepEqual(idsIn(first), [a, c]);
      const thread = objectAt(bundleIn(objectsAt(first, 'chunk')[0] ?? {}), 'm.thread');
      assert.deepEqual([thread['count'], thread['current_user_participated']], [2, true]);
      const second = (await threadsOf(bob, roomId, `limit=2&from=${textAt(first, 'next_batch')}`)).body;
      assert.deepEqual([idsIn(second), second['next_batch']], [[b], undefined]);
      assert.deepEqual(idsIn((await threadsOf(bob, roomId, 'include=participated')).body), [a]);
      assert.deepEqual(idsIn((await threadsOf(alice, roomId, 'include=participated')).body), [a, c, b]);
    });

    it('show the roots of ignored users as if they were redacted', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const root = await say(server, bob, roomId, 'root');
      await reply(alice, roomId, root, 'reply');
      await ignore(alice, bob);
      const [shown] = objectsAt((await threadsOf(alice, roomId)).body, 'chunk');
      assert.deepEqual([shown?.['event_id'], shown?.['content']], [root, {}]);
      await ignore(alice);
    });

    it('are not listed to strangers, nor by malformed requests', async () => {
      const roomId = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await threadsOf(carol, roomId)), [403, 'M_FORBIDDEN']);
      for (const query of ['include=some', 'from=x', 'limit=x'])
        assert.deepEqual(refusalOf(await threadsOf(alice, roomId, query)), [400, 'M_INVALID_PARAM'], query);
    });
  });
});
