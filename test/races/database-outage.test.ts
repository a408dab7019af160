import assert from 'node:assert/strict';
import {
  createCrashingDatabase,
  createUnreachableDatabase,
  type BreakableDatabase,
} from '../support/breakable-database.ts';
import {
  registerUser,
  request,
  startLiveTestServer,
  succeed,
  textAt,
  type LiveTestServer,
  type TestUser,
} from '../support/server.ts';
import { until } from '../support/until.ts';
import { isJsonArray, isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { Fleet } from './fleet.ts';
import { makeRooms } from './mixed-load-rooms.ts';
import { MixedLoad } from './mixed-load.ts';
import { Readers } from './readers.ts';
import { SyncedView } from './synced-view.ts';

const C = '/_matrix/client/v3';
/** Shorter than in production, so that nobody has to wait for a database that says nothing. */
const LIMITS = { connectMs: 1_500, statementMs: 1_500 };
/** A request that is under way when the database goes fails with its statement, another one for want of a connection. */
const LONGEST_ANSWER_MS = LIMITS.connectMs + LIMITS.statementMs + 5_000;
const FUTURES = 6;
const STEPS = 120;

describe('a database that goes away under mixed load', function () {
  this.timeout(180_000);

  const ways: Readonly<Record<string, () => Promise<BreakableDatabase>>> = {
    'because it has crashed': createCrashingDatabase,
    'so that connections are refused': () => createUnreachableDatabase('refused'),
    'without a word': () => createUnreachableDatabase('silent'),
  };
  for (const [way, make] of Object.entries(ways)) {
    it(`${way} is 503 meanwhile, and nothing that was acknowledged is lost`, () => endure(make));
  }
});

async function endure(make: () => Promise<BreakableDatabase>): Promise<void> {
  await using database = await make();
  await using server = await startLiveTestServer({ database, databaseLimits: LIMITS });
  await using fleet = new Fleet(async () => ({ baseUrl: server.baseUrl, kill: async () => {} }));
  await fleet.add();
  fleet.mayRefuse = true;
  const { users, roomIds } = await makeRooms(server, 4, 3);
  const load = new MixedLoad(fleet, users, roomIds);
  const views = users.map((user, client) => ({ user, view: new SyncedView(fleet, client, user, 10) }));
  const readers = new Readers(fleet, views, 1_000);
  const worked = load.work();
  const busy = async (work: () => Promise<void>): Promise<void> => {
    load.grant(STEPS);
    await Promise.race([work(), readers.reading, worked]);
  };

  const quiet = await makeQuietRoom(server);
  await busy(async () => {
    await until('some work', () => fleet.answered > STEPS);
    const due = await quiet.makeFutures(FUTURES);
    const waiting = quiet.waitForNews();
    await until('somebody to wait', () => server.services.syncFeed.waiters.waiting > 0);
    await database.takeAway();
    await expectRefusals(server, quiet);
    await until('the futures to be overdue', () => Date.now() > due);
    await database.bringBack();
    await until('the server to be ready again', async () => {
      return (await request(server, 'GET', '/_morrow/ready')).status === 200;
    });
    await until('the futures to be sent', async () => (await quiet.bodies()).length >= FUTURES);
    assert.match(JSON.stringify(await waiting), /due \d/);
    await until('the bus to listen again', () => server.services.bus.isListening);
  });
  assert.deepEqual(await quiet.bodies(), await listByDeadline(database));

  const { answered } = fleet;
  await busy(() => until('more work', () => fleet.answered > answered + STEPS));
  load.end();
  await worked;
  await until('all futures to end', async () => {
    const { rows } = await database.database.pool.query(
      `select from futures where status = 'pending' and deadline_ts < $1 limit 1`,
      [Date.now() + 60_000],
    );
    return rows.length === 0;
  });
  await readers.finish(load);
  assert.ok(fleet.refused > 0, 'the load has noticed');
}

/** What the futures of the quiet room say, in order of their deadlines. */
async function listByDeadline(database: BreakableDatabase): Promise<readonly string[]> {
  const { rows } = await database.database.pool.query<{ body: string }>(
    `select a.content::jsonb ->> 'body' as body
     from futures f join future_alternatives a on a.future_nid = f.future_nid and a.trigger = 'timeout'
     where a.content::jsonb ->> 'body' like 'due %' order by f.deadline_ts, f.future_nid`,
  );
  return rows.map(({ body }) => body);
}

interface QuietRoom {
  readonly user: TestUser;
  readonly roomId: string;
  readonly since: string;
  /** Of a future that is not due in the time of a test. */
  readonly token: string;
  /** Futures whose deadlines are mostly in the opposite order of their making; when the last one is, by the wall clock. */
  readonly makeFutures: (count: number) => Promise<number>;
  /** A /sync that waits for whatever happens in the room. */
  readonly waitForNews: () => Promise<JsonObject>;
  /** What futures have said in the room, oldest first. What was refused may have been said all the same. */
  readonly bodies: () => Promise<readonly string[]>;
}

/** A room in which the load has no part. */
async function makeQuietRoom(server: LiveTestServer): Promise<QuietRoom> {
  const user = await registerUser(server, 'quiet');
  const made = await succeed(server, 'POST', `${C}/createRoom`, { token: user, body: {} });
  const roomId = textAt(made, 'room_id');
  const inRoom = `${C}/rooms/${encodeURIComponent(roomId)}`;
  const future = await succeed(server, 'PUT', `${inRoom}/send/future/never`, {
    token: user,
    body: { timeout_ms: 3_600_000, send_on_timeout: { type: 'm.room.message', content: text('never') } },
  });
  const sync = `${C}/sync?set_presence=offline`;
  const since = textAt(await succeed(server, 'GET', sync, { token: user }), 'next_batch');
  return {
    user,
    roomId,
    since,
    token: textAt(future, 'future_token'),
    async makeFutures(count) {
      const start = Date.now();
      for (let index = count - 1; index >= 0; index -= 1) {
        const timeoutMs = start + 4_000 + index * 50 - Date.now();
        await succeed(server, 'PUT', `${inRoom}/send/future/quiet${index}`, {
          token: user,
          body: {
            timeout_ms: timeoutMs,
            send_on_timeout: { type: 'm.room.message', content: text(`due ${index}`) },
          },
        });
      }
      return start + 4_000 + count * 50;
    },
    async waitForNews() {
      for (;;) {
        const reply = await request(server, 'GET', `${sync}&timeout=120000&since=${since}`, { token: user });
        // It may be woken while one of the server's connections leads nowhere still, and is told to come again.
        if (reply.status !== 503) return reply.body;
      }
    },
    async bodies() {
      const reply = await request(server, 'GET', `${inRoom}/messages?dir=b&limit=50`, { token: user });
      const chunk = isJsonArray(reply.body['chunk']) ? reply.body['chunk'] : [];
      return chunk
        .filter(isJsonObject)
        .flatMap(({ content }) => (isJsonObject(content) ? (content['body'] ?? []) : []))
        .map(String)
        .filter((body) => body.startsWith('due '))
        .toReversed();
    },
  };
}

/** Asks for whatever needs the database, all at once; each answer is 503, says when to come back, and comes in time. */
async function expectRefusals(
  server: LiveTestServer,
  { user, roomId, since, token }: QuietRoom,
): Promise<void> {
  const inRoom = `${C}/rooms/${encodeURIComponent(roomId)}`;
  const own = `${C}/user/${encodeURIComponent(user.userId)}`;
  const asks: readonly (readonly [method: string, path: string, body?: JsonObject])[] = [
    ['GET', '/_morrow/ready'],
    ['PUT', `${inRoom}/send/m.room.message/away`, text('away')],
    ['PUT', `${inRoom}/state/m.room.topic/`, { topic: 'away' }],
    ['PUT', `${inRoom}/send/future/away`, { timeout_ms: 1, send_on_timeout: { type: 'm.x', content: {} } }],
    ['POST', `${inRoom}/receipt/m.read/${encodeURIComponent('$x')}`, {}],
    ['PUT', `${C}/sendToDevice/m.x/away`, { messages: { [user.userId]: { '*': {} } } }],
    ['PUT', `${own}/account_data/m.x`, { away: true }],
    ['GET', `${inRoom}/messages?dir=b`],
    ['GET', `${C}/sync`],
    ['GET', `${C}/sync?since=${since}&timeout=60000`],
    [
      'POST',
      `${C}/login`,
      { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'quiet' }, password: 'x' },
    ],
    ['POST', `${C}/futures/refresh`, { future_token: token }],
  ];
  await Promise.all(
    asks.map(async ([method, path, body]) => {
      const startedMs = performance.now();
      const reply = await request(server, method, path, { token: user, body });
      const ms = performance.now() - startedMs;
      const what = `${method} ${path}: ${reply.status} ${JSON.stringify(reply.json)} after ${ms} ms`;
      assert.equal(reply.status, 503, what);
      assert.ok(Number(reply.headers.get('retry-after')) >= 1, what);
      assert.ok(ms < LONGEST_ANSWER_MS, what);
    }),
  );
}

function text(body: string): JsonObject {
  return { msgtype: 'm.text', body };
}
