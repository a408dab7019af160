import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { createTestDatabase } from '../support/database.ts';
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

const SYNC = '/_matrix/client/v3/sync';

async function createRoom(server: TestServer, token: TestUser, body: JsonObject = {}): Promise<string> {
  const made = await succeed(server, 'POST', '/_matrix/client/v3/createRoom', { token, body });
  return textAt(made, 'room_id');
}

async function send(server: TestServer, token: TestUser, roomId: string, txnId: string): Promise<string> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${txnId}`;
  const sent = await succeed(server, 'PUT', path, { token, body: { msgtype: 'm.text', body: txnId } });
  return textAt(sent, 'event_id');
}

function sync(
  server: TestServer,
  token: TestUser | undefined,
  query: Record<string, string>,
): Promise<TestReply> {
  return request(server, 'GET', `${SYNC}?${new URLSearchParams(query).toString()}`, { token });
}

/** What is under some keys of an answer. */
function at(reply: TestReply, ...keys: readonly string[]): unknown {
  let value: unknown = reply.body;
  for (const key of keys) value = isJsonObject(value) ? value[key] : undefined;
  return value;
}

function timelineOf(reply: TestReply, roomId: string): JsonObject[] {
  const events = at(reply, 'rooms', 'join', roomId, 'timeline', 'events');
  return Array.isArray(events) ? events.filter(isJsonObject) : [];
}

async function untilWaiting(server: TestServer): Promise<void> {
  while (server.services.syncFeed.waiters.waiting === 0)
    await new Promise((resolve) => setImmediate(resolve));
}

describe('GET /sync', () => {
  let server: TestServer;
  let alice: TestUser;
  before(async () => {
    server = await startTestServer();
    alice = await registerUser(server, 'alice');
  });
  after(() => server[Symbol.asyncDispose]());

  it('wants an access token', async () => {
    const reply = await sync(server, undefined, {});
    assert.deepEqual([reply.status, reply.body['errcode']], [401, 'M_MISSING_TOKEN']);
  });

  it('refuses what it does not understand', async () => {
    for (const query of [
      { since: 'made-up' },
      { timeout: 'soon' },
      { full_state: 'maybe' },
      { set_presence: 'asleep' },
      { use_state_after: '1' },
    ]) {
      const reply = await sync(server, alice, query);
      assert.deepEqual(
        [reply.status, reply.body['errcode']],
        [400, 'M_INVALID_PARAM'],
        JSON.stringify(query),
      );
    }
  });

  it('takes empty parameters for absent ones', async () => {
    assert.equal((await sync(server, alice, { since: '', filter: '' })).status, 200);
  });

  it('answers at the older prefix', async () => {
    const reply = await request(server, 'GET', '/_matrix/client/r0/sync', { token: alice });
    assert.equal(reply.status, 200);
  });

  it('shows the sender their transaction id, and pages on with the tokens of /messages', async () => {
    const roomId = await createRoom(server, alice);
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push(await send(server, alice, roomId, `txn${count}`));
    const filter = '{"room":{"timeline":{"limit":2}}}';
    const reply = await sync(server, alice, { filter, set_presence: 'offline' });
    const timeline = timelineOf(reply, roomId);
    assert.deepEqual(
      timeline.map((event) => event['event_id']),
      ids.slice(3),
    );
    const unsigned = timeline[1]?.['unsigned'];
    assert.equal(isJsonObject(unsigned) ? unsigned['transaction_id'] : undefined, 'txn4');
    const from = String(at(reply, 'rooms', 'join', roomId, 'timeline', 'prev_batch'));
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=3&from=${from}`;
    const { chunk } = await succeed(server, 'GET', path, { token: alice });
    assert.ok(Array.isArray(chunk));
    assert.deepEqual(
      chunk.map((event) => (isJsonObject(event) ? event['event_id'] : undefined)),
      ids.slice(0, 3).toReversed(),
    );
  });

  it('spells the state at the end of timelines as it was asked for', async () => {
    const roomId = await createRoom(server, alice);
    for (const [asked, answered] of [
      ['use_state_after', 'state_after'],
      ['org.matrix.msc4222.use_state_after', 'org.matrix.msc4222.state_after'],
    ] as const) {
      const reply = await sync(server, alice, { [asked]: 'true' });
      assert.ok(isJsonObject(at(reply, 'rooms', 'join', roomId, answered)));
      assert.equal(at(reply, 'rooms', 'join', roomId, 'state'), undefined);
    }
  });

  it('waits for news, and no longer than asked', async () => {
    const since = textAt((await sync(server, alice, {})).body, 'next_batch');
    const answer = sync(server, alice, { since, timeout: '5000' });
    await untilWaiting(server);
    server.clock.advance(5000);
    assert.equal((await answer).body['next_batch'], since);
  });

  it('is over for the server when the client hangs up', async () => {
    const since = textAt((await sync(server, alice, {})).body, 'next_batch');
    const hangUp = new AbortController();
    const path = `${SYNC}?since=${since}&timeout=5000`;
    const answer = request(server, 'GET', path, { token: alice, signal: hangUp.signal });
    await untilWaiting(server);
    hangUp.abort();
    await assert.rejects(answer);
    while (server.services.syncFeed.waiters.waiting > 0)
      await new Promise((resolve) => setImmediate(resolve));
  });

  it('ends without a loss when the server stops', async () => {
    await using stopping = await startTestServer();
    const bob = await registerUser(stopping, 'bob');
    const since = textAt((await sync(stopping, bob, {})).body, 'next_batch');
    const answer = sync(stopping, bob, { since, timeout: '5000' });
    await untilWaiting(stopping);
    await stopping.server.stop();
    assert.deepEqual([(await answer).status, (await answer).body['next_batch']], [200, since]);
  });

  it('is woken by what comes through another process', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'morrow-sync-'));
    await using database = await createTestDatabase();
    await using one = await startTestServer({ database, dataDir });
    await using two = await startTestServer({ database, dataDir, clock: one.clock });
    const [carol, dave] = [await registerUser(one, 'carol'), await registerUser(two, 'dave')];
    let since = textAt((await sync(one, carol, {})).body, 'next_batch');
    const invited = sync(one, carol, { since, timeout: '5000' });
    await untilWaiting(one);
    const roomId = await createRoom(two, dave, { invite: [carol.userId] });
    assert.ok(isJsonObject(at(await invited, 'rooms', 'invite', roomId)));
    await succeed(two, 'POST', `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`, {
      token: carol,
      body: {},
    });
    since = textAt(
      (await sync(one, carol, { since: textAt((await invited).body, 'next_batch') })).body,
      'next_batch',
    );
    const answer = sync(one, carol, { since, timeout: '5000' });
    await untilWaiting(one);
    const eventId = await send(two, dave, roomId, 'hello');
    assert.deepEqual(
      timelineOf(await answer, roomId).map((event) => event['event_id']),
      [eventId],
    );
    await rm(dataDir, { recursive: true, force: true });
  });

  it('brings messages to devices, once', async () => {
    const erin = await registerUser(server, 'erin');
    const since = textAt((await sync(server, erin, {})).body, 'next_batch');
    const answer = sync(server, erin, { since, timeout: '5000' });
    await untilWaiting(server);
    const body = { messages: { [erin.userId]: { [erin.deviceId]: { secret: 1 } } } };
    await succeed(server, 'PUT', '/_matrix/client/v3/sendToDevice/m.test/1', { token: alice, body });
    const first = await answer;
    assert.deepEqual(at(first, 'to_device', 'events'), [
      { type: 'm.test', sender: alice.userId, content: { secret: 1 } },
    ]);
    const again = await sync(server, erin, { since: textAt(first.body, 'next_batch') });
    assert.equal(at(again, 'to_device'), undefined);
  });

  it('tells what changed after the wait even if it came with the request', async () => {
    const roomId = await createRoom(server, alice);
    let since = textAt((await sync(server, alice, {})).body, 'next_batch');
    for (let round = 0; round < 30; round += 1) {
      const [reply, eventId] = await Promise.all([
        sync(server, alice, { since, timeout: '5000' }),
        send(server, alice, roomId, `round${round}`),
      ]);
      assert.deepEqual(
        timelineOf(reply, roomId).map((event) => event['event_id']),
        [eventId],
      );
      since = textAt(reply.body, 'next_batch');
    }
  });
});
