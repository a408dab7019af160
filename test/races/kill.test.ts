import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { request, textAt, type TestUser } from '../support/server.ts';
import { makeRooms } from './mixed-load-rooms.ts';
import { startKillableServer, type KillableServer } from './killed-server.ts';
import { roundsOf } from './race.ts';

const C = '/_matrix/client/v3';
const WORKERS = 4;
const ROOMS = 3;
/** However fast a machine is, nobody ends so many futures that the oldest are forgotten. */
const USERS = 10;

/** What the client was told of one of its futures. */
interface Promised {
  readonly index: number;
  readonly path: string;
  readonly body: JsonObject;
  /** undefined as long as the request was not answered: it may or may not have been carried out. */
  token: string | undefined;
  actionEventId: string | undefined;
  isCancelled: boolean;
}

/** A client that makes, refreshes, resolves and cancels futures as fast as it can, and notes what it was told. */
class RestlessClient {
  readonly promised: Promised[] = [];
  answered = 0;
  readonly #users: readonly TestUser[];
  readonly #roomIds: readonly string[];

  constructor(users: readonly TestUser[], roomIds: readonly string[]) {
    this.#users = users;
    this.#roomIds = roomIds;
  }

  /** Works against a server until that is gone. */
  async workUntilGone(server: KillableServer): Promise<void> {
    const workers = Array.from({ length: WORKERS }, async () => {
      // The server's end is the only way out: a request that is not answered.
      for (;;) {
        try {
          await this.#make(server);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          return;
        }
      }
    });
    await Promise.all(workers);
  }

  /** Repeats what was not answered, with the same transaction ids. */
  async repeatUnanswered(server: KillableServer): Promise<void> {
    for (const one of this.promised) if (one.token === undefined) await this.#create(server, one);
  }

  async #make(server: KillableServer): Promise<void> {
    const index = this.promised.length;
    const roomId = encodeURIComponent(this.#roomIds[index % this.#roomIds.length] ?? '');
    const one: Promised = {
      index,
      path: `${C}/rooms/${roomId}/send/future/t${index}`,
      body: {
        timeout_ms: 20 + ((index * 37) % 400),
        send_now: message(`now ${index}`),
        send_on_timeout: message(`timeout ${index}`),
        send_on_action: { go: message(`action ${index}`) },
      },
      token: undefined,
      actionEventId: undefined,
      isCancelled: false,
    };
    this.promised.push(one);
    await this.#create(server, one);
    const ask = async (path: string): Promise<JsonObject | undefined> => {
      const reply = await request(server, 'POST', `${C}/futures/${path}`, {
        body: { future_token: one.token },
      });
      assert.ok([200, 410].includes(reply.status), `${reply.status} ${JSON.stringify(reply.json)}`);
      this.answered += 1;
      return reply.status === 200 ? reply.body : undefined;
    };
    if (index % 3 === 0) await ask('refresh');
    if (index % 5 === 0) {
      const acted = await ask('action/go');
      if (acted !== undefined) one.actionEventId = textAt(acted, 'event_id');
    }
    if (index % 7 === 0 && (await ask('cancel')) !== undefined) one.isCancelled = true;
  }

  async #create(server: KillableServer, one: Promised): Promise<void> {
    const user = this.#users[one.index % this.#users.length];
    assert.ok(user);
    const reply = await request(server, 'PUT', one.path, { token: user, body: one.body });
    assert.equal(reply.status, 200, JSON.stringify(reply.json));
    this.answered += 1;
    one.token = textAt(reply.body, 'future_token');
  }
}

function message(body: string): JsonObject {
  return { type: 'm.room.message', content: { msgtype: 'm.text', body } };
}

describe('a server that is killed', () => {
  it('has kept every future and event that it acknowledged, and sends nothing twice (13, 49)', async function () {
    this.timeout(900_000);
    await using database = await createTestDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), 'morrow-killed-'));
    const start = (): Promise<KillableServer> => startKillableServer({ databaseUrl: database.url, dataDir });
    let server = await start();
    try {
      const { users, roomIds } = await makeRooms(server, USERS, ROOMS);
      const client = new RestlessClient(users, roomIds);
      const rounds = roundsOf(50);
      for (let round = 0; round < rounds; round += 1) {
        const [next] = await Promise.all([start(), killAtRandom(server, client)]);
        server = next;
      }
      await client.repeatUnanswered(server);
      await untilNothingIsPending(database);
      await checkPromises(database, client.promised);
    } finally {
      await server.kill();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

/** Lets the client work, and kills the server after a random number of answers. */
async function killAtRandom(server: KillableServer, client: RestlessClient): Promise<void> {
  const gone = client.workUntilGone(server);
  const enough = client.answered + 1 + Math.floor(Math.random() * 60);
  while (client.answered < enough) await new Promise((resolve) => setImmediate(resolve));
  await server.kill();
  await gone;
}

async function untilNothingIsPending(database: TestDatabase): Promise<void> {
  for (;;) {
    const { rows } = await database.database.pool.query<{ count: number }>(
      `select count(*) as count from futures where status = 'pending'`,
    );
    if (rows[0]?.count === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function checkPromises(database: TestDatabase, promised: readonly Promised[]): Promise<void> {
  const sent = await readSent(database);
  const futures = await readFutures(database);
  assert.equal(futures.size, promised.length);
  for (const { index, actionEventId, isCancelled } of promised) {
    assert.equal(sent.get(`now ${index}`)?.length, 1, `send_now of ${index}`);
    const status = futures.get(index);
    const timeouts = sent.get(`timeout ${index}`)?.length ?? 0;
    const actions = sent.get(`action ${index}`) ?? [];
    assert.equal(timeouts + actions.length, status === 'sent' ? 1 : 0, `${index} is ${status}`);
    assert.ok(status === 'sent' || status === 'cancelled', `${index} is ${status}`);
    if (isCancelled) assert.equal(status, 'cancelled', String(index));
    if (actionEventId !== undefined) assert.deepEqual(actions, [actionEventId]);
  }
}

/** Event ids by the body of their message. */
async function readSent(database: TestDatabase): Promise<Map<string, string[]>> {
  const { rows } = await database.database.pool.query<{ event_id: string; json: string }>(
    `select event_id, event_json(json) as json from events where type = 'm.room.message' and position is not null`,
  );
  const sent = new Map<string, string[]>();
  for (const row of rows) {
    const body = bodyOf(JSON.parse(row.json));
    sent.set(body, [...(sent.get(body) ?? []), row.event_id]);
  }
  return sent;
}

/** The status of each future, by the number in its timeout; throws when there are two of one number. */
async function readFutures(database: TestDatabase): Promise<Map<number, string>> {
  const { rows } = await database.database.pool.query<{ status: string; content: string }>(
    `select f.status, a.content from futures f
     join future_alternatives a on a.future_nid = f.future_nid and a.trigger = 'timeout'`,
  );
  const futures = new Map<number, string>();
  for (const row of rows) {
    const index = Number(bodyOf({ content: JSON.parse(row.content) as unknown }).slice('timeout '.length));
    assert.equal(futures.has(index), false, `two futures are number ${index}`);
    futures.set(index, row.status);
  }
  return futures;
}

function bodyOf(event: unknown): string {
  const content = isJsonObject(event) ? event['content'] : undefined;
  return isJsonObject(content) ? textAt(content, 'body') : '';
}
