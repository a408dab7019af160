import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { clientPath, syncAs, type Synced } from './facts-client.ts';
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
} from './rooms-client.ts';

describe('notifications', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  let roomId: string;
  let txn = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
    roomId = await makeSharedRoom(server, alice, bob);
    await succeed(server, 'POST', pathOf(roomId, 'join'), { token: carol });
  });

  const send = async (user: TestUser, content: JsonObject, type = 'm.room.message'): Promise<string> => {
    const path = pathOf(roomId, 'send', type, `notify${(txn += 1)}`);
    return textAt(await succeed(server, 'PUT', path, { token: user, body: content }), 'event_id');
  };
  const mention = (user: TestUser, ...userIds: readonly string[]): Promise<string> =>
    send(user, { msgtype: 'm.text', body: 'you there?', 'm.mentions': { user_ids: userIds } });
  const reply = (user: TestUser, rootId: string): Promise<string> =>
    send(user, {
      msgtype: 'm.text',
      body: 'in the thread',
      'm.relates_to': { rel_type: 'm.thread', event_id: rootId },
    });
  const read = (
    user: TestUser,
    eventId: string,
    body: JsonObject = {},
    type = 'm.read',
  ): Promise<JsonObject> =>
    succeed(server, 'POST', pathOf(roomId, 'receipt', type, eventId), { token: user, body });
  const countsIn = (synced: Synced): (JsonValue | undefined)[] => {
    const counts = objectAt(synced.joined(roomId), 'unread_notifications');
    return [counts['notification_count'], counts['highlight_count']];
  };
  const counts = async (user: TestUser): Promise<(JsonValue | undefined)[]> =>
    countsIn(await syncAs(server, user));
  const byThread = JSON.stringify({ room: { timeline: { unread_thread_notifications: true } } });
  const threadCounts = async (user: TestUser): Promise<JsonObject> => {
    const room = (await syncAs(server, user, { filter: byThread })).joined(roomId);
    const { unread_notifications: main, unread_thread_notifications: threads } = room;
    return { main, ...(threads === undefined ? {} : { threads }) };
  };
  const list = async (user: TestUser, query = ''): Promise<JsonObject> =>
    succeed(server, 'GET', `/_matrix/client/v3/notifications${query}`, { token: user });

  describe('are counted', () => {
    it('in the same answer as the event that leads to them', async () => {
      const { next } = await syncAs(server, bob);
      const waiting = syncAs(server, bob, { since: next, timeout: '30000' });
      await say(server, alice, roomId, 'hello');
      const first = await waiting;
      assert.deepEqual(countsIn(first), [1, 0]);
      await mention(alice, bob.userId);
      const second = await syncAs(server, bob, { since: first.next });
      assert.deepEqual(countsIn(second), [2, 1]);
      assert.deepEqual(await counts(bob), [2, 1]);
    });

    it('for everybody but the sender', async () => {
      await say(server, alice, roomId, 'hello');
      assert.deepEqual(await counts(alice), [0, 0]);
      assert.deepEqual(await counts(bob), [1, 0]);
      assert.deepEqual(await counts(carol), [1, 0]);
    });

    it('as the rules of each user say', async () => {
      const rule = clientPath('pushrules', 'global', 'room', roomId);
      await succeed(server, 'PUT', rule, { token: bob, body: { actions: [] } });
      await say(server, alice, roomId, 'hello');
      assert.deepEqual(await counts(bob), [0, 0]);
      assert.deepEqual(await counts(carol), [1, 0]);
      await mention(alice, bob.userId);
      assert.deepEqual(await counts(bob), [1, 1]);
    });

    it('not for reactions, notices, edits and joins', async () => {
      const eventId = await say(server, alice, roomId, 'hello');
      await read(bob, eventId);
      await send(
        alice,
        { 'm.relates_to': { rel_type: 'm.annotation', event_id: eventId, key: 'x' } },
        'm.reaction',
      );
      await send(alice, { msgtype: 'm.notice', body: 'beep' });
      await send(alice, {
        msgtype: 'm.text',
        body: 'x',
        'm.relates_to': { rel_type: 'm.replace', event_id: eventId },
      });
      const [dave] = await makeUsers(server, 'dave');
      await succeed(server, 'POST', pathOf(roomId, 'join'), { token: dave });
      assert.deepEqual(await counts(bob), [0, 0]);
      assert.deepEqual(await counts(dave), [0, 0]);
    });

    it('by who may mention the room', async () => {
      await send(bob, { msgtype: 'm.text', body: '@room', 'm.mentions': { room: true } });
      assert.deepEqual(await counts(carol), [1, 0]);
      await send(alice, { msgtype: 'm.text', body: '@room', 'm.mentions': { room: true } });
      assert.deepEqual(await counts(carol), [2, 1]);
    });

    it('by the name that a user has in the room, where an old rule asks for it', async () => {
      const rule = clientPath('pushrules', 'global', 'override', 'name');
      const body = {
        conditions: [{ kind: 'contains_display_name' }],
        actions: ['notify', { set_tweak: 'highlight' }],
      };
      await succeed(server, 'PUT', rule, { token: bob, body });
      await putState(
        server,
        bob,
        roomId,
        'm.room.member',
        { membership: 'join', displayname: 'Robert' },
        bob.userId,
      );
      await say(server, alice, roomId, 'is robert here?');
      assert.deepEqual(await counts(bob), [1, 1]);
    });

    it('not for what an ignored user sends', async () => {
      const data = clientPath('user', bob.userId, 'account_data', 'm.ignored_user_list');
      await succeed(server, 'PUT', data, { token: bob, body: { ignored_users: { [alice.userId]: {} } } });
      await mention(alice, bob.userId);
      await say(server, carol, roomId, 'hello');
      assert.deepEqual(await counts(bob), [1, 0]);
    });

    it('not for what was redacted since', async () => {
      const eventId = await mention(alice, bob.userId);
      assert.deepEqual(await counts(bob), [1, 1]);
      const { next } = await syncAs(server, bob);
      await succeed(server, 'PUT', pathOf(roomId, 'redact', eventId, `redact${(txn += 1)}`), {
        token: alice,
        body: {},
      });
      assert.deepEqual(countsIn(await syncAs(server, bob, { since: next })), [0, 0]);
      const listed = objectsAt(await list(bob), 'notifications');
      assert.deepEqual(
        listed.map((one) => objectAt(one, 'event')['type']),
        ['m.room.member'],
      );
    });

    it('from the join on, the invite apart', async () => {
      const [dave] = await makeUsers(server, 'dave');
      await say(server, alice, roomId, 'before');
      await act(server, alice, roomId, 'invite', { user_id: dave.userId });
      const { next } = await syncAs(server, dave);
      await succeed(server, 'POST', pathOf(roomId, 'join'), { token: dave });
      assert.deepEqual(countsIn(await syncAs(server, dave, { since: next })), [0, 0]);
      await say(server, alice, roomId, 'after');
      assert.deepEqual(await counts(dave), [1, 0]);
    });

    it('in every joined room of an answer, zeros too', async () => {
      const other = await makeRoom(server, bob);
      const synced = await syncAs(server, bob);
      const zero = { notification_count: 0, highlight_count: 0 };
      assert.deepEqual(synced.joined(other)['unread_notifications'], zero);
      await succeed(server, 'PUT', pathOf(roomId, 'typing', alice.userId), {
        token: alice,
        body: { typing: true, timeout: 9_000 },
      });
      await say(server, carol, roomId, 'hello');
      const typed = await syncAs(server, bob, { since: synced.next });
      assert.deepEqual(countsIn(typed), [1, 0]);
    });

    it('where a client filters all timelines away', async () => {
      const filter = JSON.stringify({ room: { timeline: { types: [] }, state: { types: [] } } });
      const { next } = await syncAs(server, bob, { filter });
      const waiting = syncAs(server, bob, { filter, since: next, timeout: '30000' });
      await say(server, alice, roomId, 'hello');
      assert.deepEqual(countsIn(await waiting), [1, 0]);
    });

    it('after a restart for what happened before', async () => {
      await using database = await createTestDatabase();
      const first = await startTestServer({ database });
      const [dora, ed] = await makeUsers(first, 'dora', 'ed');
      const shared = await makeSharedRoom(first, dora, ed);
      await say(first, dora, shared, 'hello');
      await first[Symbol.asyncDispose]();
      await using second = await startTestServer({ database });
      const room = (await syncAs(second, ed)).joined(shared);
      assert.deepEqual(room['unread_notifications'], { notification_count: 1, highlight_count: 0 });
    });

    it('once, however many processes there are', async () => {
      await using second = await startTestServer({ database: server.database, clock: server.clock });
      const { next } = await syncAs(second, bob);
      for (let round = 0; round < 5; round++) {
        await Promise.all([say(server, alice, roomId, 'a'), say(second, carol, roomId, 'b')]);
        const [here, there] = await Promise.all([
          syncAs(server, bob, { since: next }),
          syncAs(second, bob, { since: next }),
        ]);
        assert.deepEqual(countsIn(here), [2 * round + 2, 0]);
        assert.deepEqual(countsIn(there), [2 * round + 2, 0]);
      }
    });
  });

  describe('are read', () => {
    it('up to and with the event of a receipt, and clients are told at once', async () => {
      await say(server, alice, roomId, 'one');
      const two = await say(server, alice, roomId, 'two');
      await say(server, alice, roomId, 'three');
      const { next } = await syncAs(server, bob);
      const waiting = syncAs(server, bob, { since: next, timeout: '30000' });
      await read(bob, two);
      assert.deepEqual(countsIn(await waiting), [1, 0]);
      assert.deepEqual(await counts(carol), [3, 0]);
    });

    it('by whichever receipt is further, the public or the private one', async () => {
      const one = await say(server, alice, roomId, 'one');
      const two = await say(server, alice, roomId, 'two');
      await say(server, alice, roomId, 'three');
      await read(bob, two, {}, 'm.read.private');
      assert.deepEqual(await counts(bob), [1, 0]);
      await read(bob, one);
      assert.deepEqual(await counts(bob), [1, 0]);
    });

    it('by sending, but neither by state nor by what was written beforehand', async () => {
      await say(server, alice, roomId, 'one');
      await putState(
        server,
        bob,
        roomId,
        'm.room.member',
        { membership: 'join', displayname: 'B' },
        bob.userId,
      );
      assert.deepEqual(await counts(bob), [1, 0]);
      const delayed = `${pathOf(roomId, 'send', 'm.room.message', 'later')}?org.matrix.msc4140.delay=1000`;
      await succeed(server, 'PUT', delayed, { token: bob, body: { msgtype: 'm.text', body: 'later' } });
      server.clock.advance(1_000);
      await server.services.futureScheduler.drain();
      assert.deepEqual(await counts(bob), [1, 0]);
      await say(server, bob, roomId, 'answer');
      assert.deepEqual(await counts(bob), [0, 0]);
    });

    it('by leaving, also for a later return', async () => {
      await say(server, alice, roomId, 'one');
      await act(server, bob, roomId, 'leave');
      await succeed(server, 'POST', pathOf(roomId, 'join'), { token: bob });
      assert.deepEqual(await counts(bob), [0, 0]);
    });
  });

  describe('of threads', () => {
    it('are counted with the room, or apart where a client asks for that', async () => {
      const root = await say(server, alice, roomId, 'root');
      const answer = await reply(alice, root);
      await reply(alice, root);
      assert.deepEqual(await counts(bob), [3, 0]);
      assert.deepEqual(await threadCounts(bob), {
        main: { notification_count: 1, highlight_count: 0 },
        threads: { [root]: { notification_count: 2, highlight_count: 0 } },
      });
      // What relates to an event of the thread is in it as well.
      await send(alice, {
        msgtype: 'm.text',
        body: 'x',
        'm.relates_to': { rel_type: 'm.reference', event_id: answer },
      });
      assert.deepEqual(objectAt(await threadCounts(bob), 'threads'), {
        [root]: { notification_count: 3, highlight_count: 0 },
      });
    });

    it('are read thread by thread, or all by a receipt for none in particular', async () => {
      const root = await say(server, alice, roomId, 'root');
      await reply(alice, root);
      const last = await say(server, alice, roomId, 'main');
      const inThread = await reply(alice, root);
      await read(bob, last, { thread_id: 'main' });
      assert.deepEqual(await threadCounts(bob), {
        main: { notification_count: 0, highlight_count: 0 },
        threads: { [root]: { notification_count: 2, highlight_count: 0 } },
      });
      await read(bob, inThread, { thread_id: root });
      assert.deepEqual(await threadCounts(bob), { main: { notification_count: 0, highlight_count: 0 } });
      const after = await reply(alice, root);
      await say(server, alice, roomId, 'more');
      await read(carol, after);
      assert.deepEqual(await threadCounts(carol), { main: { notification_count: 1, highlight_count: 0 } });
    });

    it('stay unread when their reader answers elsewhere', async () => {
      const root = await say(server, alice, roomId, 'root');
      await reply(alice, root);
      await say(server, bob, roomId, 'to the room');
      assert.deepEqual(await threadCounts(bob), {
        main: { notification_count: 0, highlight_count: 0 },
        threads: { [root]: { notification_count: 1, highlight_count: 0 } },
      });
    });
  });

  describe('are listed', () => {
    it('newest first, with what is read and what was to be done', async () => {
      const one = await say(server, alice, roomId, 'one');
      const two = await mention(alice, bob.userId);
      await read(bob, one);
      // Counting is what reading waits for.
      await counts(bob);
      const [newer, older, ...rest] = objectsAt(await list(bob), 'notifications');
      assert.deepEqual(newer?.['actions'], [
        'notify',
        { set_tweak: 'sound', value: 'default' },
        { set_tweak: 'highlight' },
      ]);
      assert.deepEqual([objectAt(newer ?? {}, 'event')['event_id'], newer?.['read']], [two, false]);
      assert.equal(objectAt(newer ?? {}, 'event')['room_id'], undefined);
      assert.deepEqual([objectAt(older ?? {}, 'event')['event_id'], older?.['read']], [one, true]);
      assert.deepEqual([older?.['room_id'], older?.['ts']], [roomId, server.clock.nowMs()]);
      assert.equal(rest.length, 1, 'the invite');
    });

    it('page by page', async () => {
      const sent: string[] = [];
      for (const text of ['a', 'b', 'c', 'd', 'e']) sent.push(await say(server, alice, roomId, text));
      await counts(carol);
      const eventsOf = (page: JsonObject): (JsonValue | undefined)[] =>
        objectsAt(page, 'notifications').map((one) => objectAt(one, 'event')['event_id']);
      const first = await list(carol, '?limit=2');
      const second = await list(carol, `?limit=2&from=${textAt(first, 'next_token')}`);
      const last = await list(carol, `?limit=2&from=${textAt(second, 'next_token')}`);
      assert.deepEqual([first, second, last].flatMap(eventsOf), sent.toReversed());
      assert.equal(last['next_token'], undefined);
    });

    it('with highlights alone where they are asked for', async () => {
      await say(server, alice, roomId, 'one');
      const two = await mention(alice, carol.userId);
      await counts(carol);
      const events = objectsAt(await list(carol, '?only=highlight'), 'notifications').map(
        (one) => objectAt(one, 'event')['event_id'],
      );
      assert.deepEqual(events, [two]);
    });

    it('not from a token that is none', async () => {
      const reply = await request(server, 'GET', '/_matrix/client/v3/notifications?from=x', { token: bob });
      assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_PARAM']);
    });
  });
});
