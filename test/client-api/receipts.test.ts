import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { findUserNid } from '../../src/storage/users.ts';
import { findRoomNid } from '../../src/storage/rooms.ts';
import { listReceiptsOf } from '../../src/storage/receipts.ts';
import { parseRoomId, parseUserId } from '../../src/matrix/identifiers.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { accountDataIn, clientPath, syncAs, type Synced } from './facts-client.ts';
import { makeGuest, makeRoom, makeSharedRoom, makeTwo, objectAt, refusalOf, say } from './rooms-client.ts';

describe('receipts', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  let txn = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
    roomId = await makeSharedRoom(server, alice, bob);
  });

  const mark = (user: TestUser, type: string, eventId: string, body: JsonObject = {}): Promise<TestReply> =>
    request(server, 'POST', clientPath('rooms', roomId, 'receipt', type, eventId), { token: user, body });
  const relate = async (relation: JsonObject, type = 'm.room.message'): Promise<string> => {
    const path = clientPath('rooms', roomId, 'send', type, `relate${(txn += 1)}`);
    const body = { msgtype: 'm.text', body: 'x', 'm.relates_to': relation };
    return textAt(await succeed(server, 'PUT', path, { token: alice, body }), 'event_id');
  };
  const reply = (rootId: string): Promise<string> => relate({ rel_type: 'm.thread', event_id: rootId });
  /** Contents of the m.receipt events that somebody gets for the room. */
  const receiptsIn = (synced: Synced): (JsonValue | undefined)[] =>
    synced.ephemeral(roomId, 'm.receipt').map((event) => event['content']);

  it('reach everyone in the room, at once and with the time', async () => {
    const eventId = await say(server, alice, roomId, 'hello');
    const { next } = await syncAs(server, alice);
    const waiting = syncAs(server, alice, { since: next, timeout: '30000' });
    assert.deepEqual((await mark(bob, 'm.read', eventId)).json, {});
    const expected = { [eventId]: { 'm.read': { [bob.userId]: { ts: server.clock.nowMs() } } } };
    assert.deepEqual(receiptsIn(await waiting), [expected]);
    assert.deepEqual(receiptsIn(await syncAs(server, alice)), [expected]);
  });

  it('may come without a body', async () => {
    const eventId = await say(server, alice, roomId, 'hello');
    await succeed(server, 'POST', clientPath('rooms', roomId, 'receipt', 'm.read', eventId), { token: bob });
    assert.equal(receiptsIn(await syncAs(server, alice)).length, 1);
  });

  it('that are private reach their owner only', async () => {
    const eventId = await say(server, alice, roomId, 'hello');
    await mark(bob, 'm.read.private', eventId);
    const own = { [eventId]: { 'm.read.private': { [bob.userId]: { ts: server.clock.nowMs() } } } };
    assert.deepEqual(receiptsIn(await syncAs(server, bob)), [own]);
    assert.deepEqual(receiptsIn(await syncAs(server, alice)), []);
  });

  it('never go backwards', async () => {
    const [first, second] = [
      await say(server, alice, roomId, 'first'),
      await say(server, alice, roomId, 'second'),
    ];
    await mark(bob, 'm.read', second);
    const { next } = await syncAs(server, alice);
    assert.equal((await mark(bob, 'm.read', first)).status, 200);
    assert.equal((await mark(bob, 'm.read', second)).status, 200);
    assert.deepEqual(receiptsIn(await syncAs(server, alice, { since: next })), []);
    const [content] = receiptsIn(await syncAs(server, alice));
    assert.deepEqual(Object.keys(content ?? {}), [second]);
  });

  it('are one for each thread and one for all, told apart even at the same event', async () => {
    const root = await say(server, alice, roomId, 'root');
    const inThread = await reply(root);
    for (const body of [{}, { thread_id: root }])
      assert.equal((await mark(bob, 'm.read', inThread, body)).status, 200);
    assert.equal((await mark(bob, 'm.read', root, { thread_id: 'main' })).status, 200);
    const ts = server.clock.nowMs();
    const user = bob.userId;
    assert.deepEqual(receiptsIn(await syncAs(server, alice)), [
      {
        [inThread]: { 'm.read': { [user]: { ts } } },
        [root]: { 'm.read': { [user]: { ts, thread_id: 'main' } } },
      },
      { [inThread]: { 'm.read': { [user]: { ts, thread_id: root } } } },
    ]);
  });

  it('for a thread are for events that have to do with it', async () => {
    const root = await say(server, alice, roomId, 'root');
    const inThread = await reply(root);
    const reaction = await relate({ rel_type: 'm.annotation', event_id: inThread, key: '👍' }, 'm.reaction');
    const onRoot = await relate({ rel_type: 'm.annotation', event_id: root, key: '👍' }, 'm.reaction');
    const reference = await relate({ rel_type: 'm.reference', event_id: root });
    const onReference = await relate(
      { rel_type: 'm.annotation', event_id: reference, key: '👍' },
      'm.reaction',
    );
    for (const [eventId, threadId, status] of [
      [inThread, root, 200],
      [reaction, root, 200],
      [root, root, 200],
      [onRoot, 'main', 200],
      [inThread, 'main', 400],
      [reaction, 'main', 400],
      [onRoot, root, 200],
      [onReference, root, 200],
      [onReference, 'main', 200],
      [onReference, inThread, 400],
      [inThread, '$another', 400],
      [inThread, '', 400],
    ] as const) {
      const answer = await mark(bob, 'm.read', eventId, { thread_id: threadId });
      assert.equal(answer.status, status, `${eventId} in ${threadId}: ${JSON.stringify(answer.json)}`);
      if (status === 400) assert.equal(answer.body['errcode'], 'M_INVALID_PARAM');
    }
    const typed = await mark(bob, 'm.read', inThread, { thread_id: 7 });
    assert.deepEqual(refusalOf(typed), [400, 'M_INVALID_PARAM']);
    const fully = await mark(bob, 'm.fully_read', root, { thread_id: 'main' });
    assert.deepEqual(refusalOf(fully), [400, 'M_INVALID_PARAM']);
  });

  it('are of known types, for events of the room, by who is in it', async () => {
    const eventId = await say(server, alice, roomId, 'hello');
    assert.deepEqual(refusalOf(await mark(bob, 'm.seen', eventId)), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await mark(bob, 'm.read', '$unknown')), [404, 'M_NOT_FOUND']);
    const elsewhere = await say(server, alice, await makeRoom(server, alice), 'elsewhere');
    assert.deepEqual(refusalOf(await mark(bob, 'm.read', elsewhere)), [404, 'M_NOT_FOUND']);
    const [carol] = await makeTwo(server);
    assert.deepEqual(refusalOf(await mark(carol, 'm.read', eventId)), [403, 'M_FORBIDDEN']);
    const guest = await makeGuest(server);
    assert.deepEqual(refusalOf(await mark(guest, 'm.read', eventId)), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
  });

  it('come whole for a room that the client had not', async () => {
    const eventId = await say(server, alice, roomId, 'hello');
    await mark(alice, 'm.read', eventId);
    const [carol] = await makeTwo(server);
    const { next } = await syncAs(server, carol);
    await succeed(server, 'POST', clientPath('rooms', roomId, 'join'), { token: carol });
    assert.equal(receiptsIn(await syncAs(server, carol, { since: next })).length, 1);
  });

  it('obey the filter', async () => {
    await mark(bob, 'm.read', await say(server, alice, roomId, 'hello'));
    const filter = JSON.stringify({ room: { ephemeral: { not_types: ['m.receipt'] } } });
    assert.deepEqual(receiptsIn(await syncAs(server, alice, { filter })), []);
  });

  it('of somebody who is ignored are not told', async () => {
    const ignored = { ignored_users: { [bob.userId]: {} } };
    const path = clientPath('user', alice.userId, 'account_data', 'm.ignored_user_list');
    await succeed(server, 'PUT', path, { token: alice, body: ignored });
    await mark(bob, 'm.read', await say(server, alice, roomId, 'hello'));
    assert.deepEqual(receiptsIn(await syncAs(server, alice)), []);
  });

  it('are there for who counts what is unread', async () => {
    const eventId = await say(server, alice, roomId, 'hello');
    await mark(bob, 'm.read.private', eventId, { thread_id: 'main' });
    const { db } = server.services;
    const [id, room] = [parseUserId(bob.userId), parseRoomId(roomId)];
    assert.ok(id !== undefined && room !== undefined);
    const [userNid, roomNid] = [await findUserNid(db, id), await findRoomNid(db, room)];
    assert.ok(userNid !== undefined && roomNid !== undefined);
    const [receipt, ...others] = await listReceiptsOf(db, userNid, [roomNid]);
    assert.deepEqual(others, []);
    assert.deepEqual(
      [receipt?.eventId, receipt?.type, receipt?.threadId],
      [eventId, 'm.read.private', 'main'],
    );
  });

  describe('and the fully-read marker', () => {
    const markers = (body: JsonObject): Promise<TestReply> =>
      request(server, 'POST', clientPath('rooms', roomId, 'read_markers'), { token: bob, body });
    const markerIn = (synced: Synced): JsonValue | undefined =>
      accountDataIn(synced.joined(roomId))['m.fully_read'];

    it('are set together', async () => {
      const [first, second] = [
        await say(server, alice, roomId, 'first'),
        await say(server, alice, roomId, 'second'),
      ];
      const { next } = await syncAs(server, bob);
      await markers({ 'm.fully_read': first, 'm.read': second, 'm.read.private': first });
      const synced = await syncAs(server, bob, { since: next });
      assert.deepEqual(markerIn(synced), { event_id: first });
      const ts = server.clock.nowMs();
      assert.deepEqual(receiptsIn(synced), [
        {
          [second]: { 'm.read': { [bob.userId]: { ts } } },
          [first]: { 'm.read.private': { [bob.userId]: { ts } } },
        },
      ]);
      const path = clientPath('user', bob.userId, 'rooms', roomId, 'account_data', 'm.fully_read');
      assert.deepEqual(await succeed(server, 'GET', path, { token: bob }), { event_id: first });
    });

    it('is set by a receipt as well, and goes forward only', async () => {
      const [first, second] = [
        await say(server, alice, roomId, 'first'),
        await say(server, alice, roomId, 'second'),
      ];
      await mark(bob, 'm.fully_read', second);
      await markers({ 'm.fully_read': first });
      const synced = await syncAs(server, bob);
      assert.deepEqual(markerIn(synced), { event_id: second });
      assert.deepEqual(receiptsIn(synced), []);
      assert.equal(markerIn(await syncAs(server, alice)), undefined);
    });

    it('is at an event of the room', async () => {
      assert.deepEqual(refusalOf(await markers({ 'm.fully_read': '$unknown' })), [404, 'M_NOT_FOUND']);
      assert.deepEqual(refusalOf(await markers({ 'm.fully_read': 'event' })), [400, 'M_BAD_JSON']);
      assert.deepEqual((await markers({})).json, {});
    });

    it('says in the state of the receipts nothing', async () => {
      await markers({ 'm.fully_read': await say(server, alice, roomId, 'hello') });
      assert.deepEqual(objectAt((await syncAs(server, alice)).joined(roomId), 'ephemeral'), {});
    });
  });
});
