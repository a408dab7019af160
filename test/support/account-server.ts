import assert from 'node:assert/strict';
import { accountEndpoints } from '../../src/client-api/account.ts';
import { adminRegistrationEndpoints } from '../../src/client-api/admin-registration.ts';
import { capabilitiesEndpoints } from '../../src/client-api/capabilities.ts';
import { deviceEndpoints } from '../../src/client-api/devices.ts';
import { filterEndpoints } from '../../src/client-api/filters.ts';
import { loginTokenEndpoints } from '../../src/client-api/login-token.ts';
import { loginEndpoints } from '../../src/client-api/login.ts';
import { logoutEndpoints } from '../../src/client-api/logout.ts';
import { openIdEndpoints } from '../../src/client-api/openid.ts';
import { registrationEndpoints } from '../../src/client-api/registration.ts';
import { registrationTokensEndpoints } from '../../src/client-api/registration-tokens.ts';
import { rtcTransportsEndpoints } from '../../src/client-api/rtc-transports.ts';
import { toDeviceEndpoints } from '../../src/client-api/to-device.ts';
import { versionsEndpoints } from '../../src/client-api/versions.ts';
import { voipEndpoints } from '../../src/client-api/voip.ts';
import { wellKnownEndpoints } from '../../src/client-api/well-known.ts';
import { findMemberProfile } from '../../src/accounts/profiles.ts';
import type { Config } from '../../src/config/config.ts';
import { createHttpApp } from '../../src/http/app.ts';
import { createRateLimiter } from '../../src/http/rate-limit.ts';
import type { UserId } from '../../src/matrix/identifiers.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import { createLog } from '../../src/util/log.ts';
import { makePipeline } from './pipeline.ts';
import { checkedFetch } from './spec-check.ts';
import { createAccountWorld, emptyAccountWorld, type AccountWorld } from './accounts.ts';

/** The account endpoints on a free port of 127.0.0.1, over a database of their own. */
export interface AccountServer extends AsyncDisposable {
  readonly world: AccountWorld;
  /** Sends one request; `token` becomes its Authorization header. */
  readonly ask: (method: string, path: string, ask?: Ask) => Promise<Answer>;
  /** Registers a user with the password `secret` over HTTP. */
  readonly register: (username: string) => Promise<{ readonly token: string; readonly deviceId: string }>;
}

interface Ask {
  readonly token?: string;
  readonly body?: JsonValue;
}

export interface Answer {
  readonly status: number;
  readonly json: JsonObject;
}

type Wishes = Parameters<typeof createAccountWorld>[0] & {
  readonly publicBaseUrl?: string;
  readonly livekitServiceUrl?: string;
} & Partial<Pick<Config, 'turn' | 'support'>>;

export async function startAccountServer(wishes: Wishes = {}): Promise<AccountServer> {
  const world = await createAccountWorld(wishes);
  const log = createLog({ level: 'error' });
  const { pipeline } = makePipeline(world.test, { clock: world.clock });
  const server = createHttpApp({
    endpoints: [
      ...accountEndpoints,
      ...adminRegistrationEndpoints,
      ...capabilitiesEndpoints,
      ...deviceEndpoints,
      ...filterEndpoints,
      ...loginEndpoints,
      ...loginTokenEndpoints,
      ...logoutEndpoints,
      ...openIdEndpoints,
      ...registrationEndpoints,
      ...registrationTokensEndpoints,
      ...rtcTransportsEndpoints,
      ...toDeviceEndpoints,
      ...versionsEndpoints,
      ...voipEndpoints,
      ...wellKnownEndpoints,
    ],
    deps: {
      ...world,
      log,
      pipeline,
      memberProfile: (userId: UserId) => findMemberProfile(world, userId),
      unstableFeatures: { 'org.matrix.msc4143': true },
      defaultRoomVersion: '12' as const,
      maxDelayMs: 1000,
      maxDelayedEvents: 100,
      publicBaseUrl: wishes.publicBaseUrl,
      livekitServiceUrl: wishes.livekitServiceUrl,
      turn: wishes.turn,
      support: wishes.support ?? { contacts: [], page: undefined },
    },
    authenticate: (token, origin) => world.authenticator.authenticate(token, origin),
    rateLimiter: createRateLimiter({ enabled: false, clock: world.clock }),
    log,
    clock: world.clock,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const ask = (method: string, path: string, options: Ask = {}): Promise<Answer> =>
    request(`http://127.0.0.1:${port}${path}`, method, options);
  return {
    world,
    ask,
    async register(username) {
      const body = { username, password: 'secret', auth: { type: 'm.login.dummy' } };
      const { json } = await ask('POST', '/_matrix/client/v3/register', { body });
      return { token: textIn(json, 'access_token'), deviceId: textIn(json, 'device_id') };
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** One server for all tests of a describe block, emptied before each. */
export function shareAccountServer(wishes: Wishes = {}): () => AccountServer {
  let shared: AccountServer | undefined;
  const server = (): AccountServer => {
    assert.ok(shared, 'the server is there while tests run');
    return shared;
  };
  before(async () => {
    shared = await startAccountServer(wishes);
  });
  beforeEach(() => emptyAccountWorld(server().world));
  after(() => shared?.[Symbol.asyncDispose]());
  return server;
}

/** The text under a key of an answer. */
export function textIn(json: JsonObject, key: string): string {
  const value = json[key];
  assert.ok(typeof value === 'string', `${key} in ${JSON.stringify(json)}`);
  return value;
}

async function request(url: string, method: string, { token, body }: Ask): Promise<Answer> {
  const response = await checkedFetch(url, {
    method,
    headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json: unknown = await response.json();
  if (!isJsonObject(json)) throw new Error(`${method} ${url} answered no object`);
  return { status: response.status, json };
}
