import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isJsonArray, isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { ManualClock } from '../../src/util/clock.ts';

const client = '/_matrix/client/v3';

describe('two processes on one database', () => {
  let database: TestDatabase;
  let dataDir: string;
  let clock: ManualClock;
  let first: TestServer;
  let second: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  let txn = 0;

  before(async () => {
    database = await createTestDatabase({ connections: 2 });
    dataDir = await mkdtemp(join(tmpdir(), 'morrow-two-'));
    clock = new ManualClock();
    const options = { database, dataDir, clock };
    [first, second] = await Promise.all([startTestServer(options), startTestServer(options)]);
    alice = await registerUser(first, 'alice');
    bob = await registerUser(second, 'bob');
    const room = await succeed(first, 'POST', `${client}/createRoom`, {
      token: alice,
      body: { preset: 'public_chat' },
    });
    roomId = textAt(room, 'room_id');
    await succeed(second, 'POST', `${client}/join/${encodeURIComponent(roomId)}`, { token: bob, body: {} });
  });
  after(async () => {
    await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
    await database[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const inRoom = (path: string): string => `${client}/rooms/${encodeURIComponent(roomId)}/${path}`;

  function send(
    server: TestServer,
    user: TestUser,
    body: string,
    txnId = `txn ${txn++}`,
  ): Promise<JsonObject> {
    return succeed(server, 'PUT', inRoom(`send/m.room.message/${encodeURIComponent(txnId)}`), {
      token: user,
      body: { msgtype: 'm.text', body },
    });
  }

  async function messages(server: TestServer, user: TestUser): Promise<string[]> {
    const page = await succeed(server, 'GET', inRoom('messages?dir=b&limit=1000'), { token: user });
    const chunk = isJsonArray(page['chunk']) ? page['chunk'] : [];
    return chunk.filter(isJsonObject).flatMap((event) => {
      const content = event['content'];
      return isJsonObject(content) && typeof content['body'] === 'string' ? [content['body']] : [];
    });
  }

  async function topic(server: TestServer): Promise<unknown> {
    return (await succeed(server, 'GET', inRoom('state/m.room.topic'), { token: alice }))['topic'];
  }

  it('wakes a long poll at one for a message sent at the other', async () => {
    const start = await succeed(second, 'GET', `${client}/sync`, { token: bob });
    const waiting = succeed(
      second,
      'GET',
      `${client}/sync?timeout=600000&since=${textAt(start, 'next_batch')}`,
      {
        token: bob,
      },
    );
    await send(first, alice, 'across');
    assert.ok(JSON.stringify(await waiting).includes('across'));
  });

  it('makes one event of the same request sent to both at once', async () => {
    for (let round = 0; round < 30; round += 1) {
      const body = `only once ${round}`;
      const [a, b] = await Promise.all([
        send(first, alice, body, `same ${round}`),
        send(second, alice, body, `same ${round}`),
      ]);
      assert.equal(a['event_id'], b['event_id']);
      assert.equal((await messages(first, alice)).filter((other) => other === body).length, 1);
    }
  });

  it('takes messages at both into one line, none lost and none twice', async () => {
    const bodies = Array.from({ length: 120 }, (_, n) => `line ${n}`);
    await Promise.all(
      bodies.map((body, n) => send(n % 2 === 0 ? first : second, n % 3 === 0 ? bob : alice, body)),
    );
    const seen = (await messages(second, bob)).filter((body) => body.startsWith('line '));
    assert.deepEqual(seen.toSorted(), bodies.toSorted());
  });

  it('supersedes at one a future that was made at the other, and neither fires it', async () => {
    const created = await request(first, 'PUT', inRoom('send/future/topic'), {
      token: alice,
      body: {
        timeout_ms: 60_000,
        send_now: { type: 'm.room.topic', state_key: '', content: { topic: 'now' } },
        send_on_timeout: { type: 'm.room.topic', state_key: '', content: { topic: 'moot' } },
      },
    });
    assert.equal(created.status, 200);
    await succeed(second, 'PUT', inRoom('state/m.room.topic'), { token: alice, body: { topic: 'newer' } });
    const refreshed = await request(first, 'POST', `${client}/futures/refresh`, {
      body: { future_token: textAt(created.body, 'future_token') },
    });
    assert.equal(refreshed.status, 410);
    clock.advance(120_000);
    await Promise.all([first.services.futureScheduler.drain(), second.services.futureScheduler.drain()]);
    assert.equal(await topic(first), 'newer');
    assert.equal(await topic(second), 'newer');
  });

  it('fires once what was made at a process that is gone', async () => {
    const third = await startTestServer({ database, dataDir, clock });
    await succeed(third, 'PUT', `${inRoom('send/m.room.message/later')}?org.matrix.msc4140.delay=30000`, {
      token: alice,
      body: { msgtype: 'm.text', body: 'from the one that is gone' },
    });
    await third[Symbol.asyncDispose]();
    clock.advance(30_000);
    await Promise.all([first.services.futureScheduler.drain(), second.services.futureScheduler.drain()]);
    const found = (await messages(first, bob)).filter((body) => body === 'from the one that is gone');
    assert.equal(found.length, 1);
  });
});
