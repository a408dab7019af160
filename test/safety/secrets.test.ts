import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/config.ts';
import { allEndpoints } from '../../src/server/endpoints.ts';
import { startServer } from '../../src/server/server.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { secureRandom } from '../../src/util/random.ts';
import { bridge } from '../appservices/bridge.ts';
import { Chance } from '../fuzz/chance.ts';
import { makeFuzzRequest } from '../fuzz/fuzz-request.ts';
import { startOutside } from '../fuzz/outside.ts';
import { makeScene, type Scene } from '../fuzz/scene.ts';
import { Wire } from '../fuzz/wire.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const REQUESTS_PER_ENDPOINT = 8;
const TIMEOUT_MS = 240_000;
const HS_TOKEN = 'what-the-homeserver-says-to-the-service';
const AS_TOKEN = 'what-the-service-says-to-the-homeserver';
const SHARED_SECRET = 'test secret';

describe('a server that has been busy', () => {
  let database: TestDatabase;
  let scene: Scene;
  let log = '';

  before(async function () {
    this.timeout(TIMEOUT_MS);
    database = await createTestDatabase();
    [scene, log] = await keepBusy(database);
  });
  after(() => database[Symbol.asyncDispose]());

  it('has said a lot, about every endpoint, however talkative it may be', () => {
    for (const { name } of allEndpoints) assert.ok(log.includes(`"endpoint":"${name}"`), name);
    assert.ok(log.includes(scene.stranger.userId), 'who asked is no secret');
  });

  it('has said no token, no password, nothing that would do for one, and nothing of what people wrote', () => {
    const written = [
      'first words',
      'second words',
      'an answer',
      'much later',
      'made here',
      'a topic',
      'a text',
      'because',
      'word*',
    ];
    assert.deepEqual(foundIn(log, [...secretsOf(scene), ...scene.delayIds, ...written]), []);
  });

  it('has none of what would let somebody in in its database', async () => {
    const dump = await dumpDatabase(database);
    for (const known of [scene.stranger.userId, scene.rooms[0]?.roomId ?? '', 'first words'])
      assert.ok(dump.includes(known), `${known} is in the dump`);
    assert.deepEqual(foundIn(dump, secretsOf(scene)), []);
  });
});

/** Has all endpoints asked, in ways that work and in others; the answer ends with all that was logged. */
async function keepBusy(database: TestDatabase): Promise<[Scene, string]> {
  const loaded = loadConfig({ env: {}, readFile: () => '', listDirectory: () => undefined });
  assert.ok(loaded.kind === 'config');
  const dataDir = await mkdtemp(join(tmpdir(), 'morrow-secrets-'));
  await using outside = await startOutside('secrets');
  const lines: string[] = [];
  const server = await startServer({
    config: {
      ...loaded.config,
      dataDir,
      databaseUrl: database.url,
      listen: { host: '127.0.0.1', port: 0 },
      registration: 'open',
      registrationSharedSecret: SHARED_SECRET,
      rateLimits: false,
      passwordCost: 'low',
      allowPrivateIps: true,
      appservices: [bridge({ url: outside.url, asToken: AS_TOKEN, hsToken: HS_TOKEN, protocols: ['irc'] })],
    },
    log: createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } }),
    clock: systemClock,
    random: secureRandom,
  });
  try {
    const baseUrl = server.urls[0] ?? '';
    const wishes = { baseUrl, asToken: AS_TOKEN, pusherUrl: outside.pusherUrl, name: 'secret' };
    const scene = await makeScene(wishes);
    using wire = new Wire(Number(new URL(baseUrl).port));
    for (const target of allEndpoints) {
      for (let nth = 0; nth < REQUESTS_PER_ENDPOINT; nth++) {
        const request = makeFuzzRequest(new Chance(`${target.name} ${nth}`), scene, [target]);
        const patienceMs = request.mayWait ? 50 : 20_000;
        await wire.send(request.bytes, request.method, { patienceMs, keep: request.isSound });
      }
    }
    return [scene, lines.join('')];
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Whatever lets its holder in, or lets them do something. */
function secretsOf(scene: Scene): readonly string[] {
  const users = [...scene.members, ...scene.victims, scene.stranger];
  return [
    AS_TOKEN,
    HS_TOKEN,
    SHARED_SECRET,
    ...[...users, scene.guest, scene.admin].map((user) => user.accessToken),
    ...users.map((user) => user.password),
    ...scene.refreshTokens,
    ...scene.loginTokens,
    ...scene.openIdTokens,
    ...scene.futureTokens,
  ];
}

/** The secrets that a text holds, as they are or in another spelling that gives them away. */
function foundIn(text: string, secrets: readonly string[]): readonly string[] {
  const spellings = (secret: string): readonly string[] => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('hex'),
    Buffer.from(secret, 'base64url').toString('hex'),
  ];
  return secrets.filter((secret) => spellings(secret).some((spelling) => text.includes(spelling)));
}

/** Every row of every table as text; bytes are hexadecimal. */
async function dumpDatabase({ database }: TestDatabase): Promise<string> {
  const { rows: tables } = await database.pool.query<{ name: string }>(
    `select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public'`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await database.pool.query<{ row: string }>(`select t::text as row from ${name} as t`);
    texts.push(...rows.map(({ row }) => row));
  }
  // Events are packed: what they say is looked through as well.
  const { rows } = await database.pool.query<{ json: string }>('select event_json(json) as json from events');
  texts.push(...rows.map(({ json }) => json));
  return texts.join('\n');
}
