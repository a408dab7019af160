import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type Config } from '../../src/config/config.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import type { Services } from '../../src/server/services.ts';
import { ManualClock, systemClock, type Clock } from '../../src/util/clock.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import { createLog } from '../../src/util/log.ts';
import { secureRandom } from '../../src/util/random.ts';
import { checkedFetch } from './spec-check.ts';
import type { DatabaseLimits } from '../../src/storage/database.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

/** What registers accounts at test servers, administrators among them. */
export const REGISTRATION_SHARED_SECRET = 'test secret';

/** A whole server on a database of its own, on a free port of 127.0.0.1. */
export interface LiveTestServer extends AsyncDisposable {
  readonly baseUrl: string;
  readonly database: TestDatabase;
  readonly services: Services;
  readonly server: RunningServer;
}

/** One whose time the test moves. */
export interface TestServer extends LiveTestServer {
  readonly clock: ManualClock;
}

export interface TestServerOptions {
  /** Uses (and keeps) this database: a second process, or a restart. */
  readonly database?: TestDatabase;
  readonly config?: Partial<Config>;
  /** Holds the signing key; servers on one database must share it. */
  readonly dataDir?: string;
  readonly databaseLimits?: DatabaseLimits;
}

/** Starts a server whose clock stands still unless the test moves it; the clock may be shared with another server. */
export async function startTestServer(
  options: TestServerOptions & { readonly clock?: ManualClock } = {},
): Promise<TestServer> {
  const clock = options.clock ?? new ManualClock();
  return { ...(await launch(options, clock)), clock };
}

/** Starts a server in real time, for clients that have timers of their own. */
export function startLiveTestServer(options: TestServerOptions = {}): Promise<LiveTestServer> {
  return launch(options, systemClock);
}

/** Rate limits are off and passwords cheap unless `config` says otherwise. */
async function launch(options: TestServerOptions, clock: Clock): Promise<LiveTestServer> {
  const loaded = loadConfig({ env: {}, readFile: () => '', listDirectory: () => undefined });
  if (loaded.kind !== 'config') throw new Error(loaded.complaints.join('\n'));
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'morrow-server-')));
  const database = options.database ?? (await createTestDatabase());
  const config: Config = {
    ...loaded.config,
    dataDir,
    databaseUrl: database.url,
    listen: { host: '127.0.0.1', port: 0 },
    registration: 'open',
    registrationSharedSecret: REGISTRATION_SHARED_SECRET,
    rateLimits: false,
    passwordCost: 'low',
    ...options.config,
  };
  const log = createLog({ level: 'silent' });
  const { databaseLimits } = options;
  const server = await startServer({ config, log, clock, random: secureRandom, databaseLimits });
  const baseUrl = server.urls[0];
  if (baseUrl === undefined) throw new Error('the server listens nowhere');
  return {
    baseUrl,
    database,
    services: server.services,
    server,
    async [Symbol.asyncDispose]() {
      await server.stop();
      if (options.database === undefined) await database[Symbol.asyncDispose]();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export interface TestReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: JsonObject;
  /** The body where it may be something other than an object. */
  readonly json: JsonValue;
}

export interface TestUser {
  readonly userId: string;
  readonly accessToken: string;
  readonly deviceId: string;
}

/** One request. `token` is an access token or a user that has one. */
export async function request(
  server: Pick<TestServer, 'baseUrl'>,
  method: string,
  path: string,
  options: {
    readonly token?: string | TestUser | undefined;
    readonly body?: unknown;
    readonly signal?: AbortSignal;
  } = {},
): Promise<TestReply> {
  const token = typeof options.token === 'object' ? options.token.accessToken : options.token;
  const response = await checkedFetch(server.baseUrl + path, {
    method,
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await response.text();
  const json: unknown = text === '' ? {} : JSON.parse(text);
  return {
    status: response.status,
    headers: response.headers,
    body: isJsonObject(json) ? json : {},
    json: json as JsonValue,
  };
}

/** The answer to a request that must succeed. */
export async function succeed(...args: Parameters<typeof request>): Promise<JsonObject> {
  const reply = await request(...args);
  if (reply.status !== 200)
    throw new Error(`${args[1]} ${args[2]}: ${reply.status} ${JSON.stringify(reply.json)}`);
  return reply.body;
}

/** A text member of an answer. */
export function textAt(body: JsonObject, key: string): string {
  const value = body[key];
  if (typeof value !== 'string') throw new Error(`${key} is no text in ${JSON.stringify(body)}`);
  return value;
}

/** Makes an account and logs it in. */
export async function registerUser(
  server: Pick<TestServer, 'baseUrl'>,
  localpart: string,
): Promise<TestUser> {
  const body = await succeed(server, 'POST', '/_matrix/client/v3/register', {
    body: { username: localpart, password: `the password of ${localpart}`, auth: { type: 'm.login.dummy' } },
  });
  return userIn(body);
}

/** The user whom an answer to a registration or a login is about. */
export function userIn(body: JsonObject): TestUser {
  return {
    userId: textAt(body, 'user_id'),
    accessToken: textAt(body, 'access_token'),
    deviceId: textAt(body, 'device_id'),
  };
}
