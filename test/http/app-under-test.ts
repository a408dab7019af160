import { createHttpApp, type HttpAppOptions } from '../../src/http/app.ts';
import type { Endpoint, Requester } from '../../src/http/endpoint.ts';
import type { HttpServer } from '../../src/http/http-server.ts';
import { createRateLimiter } from '../../src/http/rate-limit.ts';
import { UNRESTRICTED } from '../../src/matrix/account-state.ts';
import { unknownToken } from '../../src/matrix/errors.ts';
import { parseDeviceId, parseUserId } from '../../src/matrix/identifiers.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { createLog } from '../../src/util/log.ts';

/** A real server on a free port of 127.0.0.1, with a clock that stands still. */
export interface AppUnderTest extends AsyncDisposable {
  readonly server: HttpServer;
  readonly url: string;
  readonly port: number;
  readonly clock: ManualClock;
  /** Everything logged so far. */
  readonly logged: readonly JsonObject[];
  /** One request and its whole answer; `json` is `{}` when the answer has no body. */
  readonly ask: (method: string, path: string, init?: RequestInit) => Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: JsonObject;
  readonly text: string;
}

type Overrides = Partial<Omit<HttpAppOptions<object>, 'endpoints' | 'log' | 'clock'>>;

export async function startApp(
  endpoints: readonly Endpoint<object>[],
  overrides: Overrides = {},
): Promise<AppUnderTest> {
  const clock = new ManualClock();
  const logged: JsonObject[] = [];
  const log = createLog({ level: 'debug', destination: { write: (line) => logged.push(parseObject(line)) } });
  const server = createHttpApp({
    deps: {},
    authenticate,
    rateLimiter: createRateLimiter({ enabled: false, clock }),
    ...overrides,
    endpoints,
    log,
    clock,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${port}`;
  return {
    server,
    url,
    port,
    clock,
    logged,
    ask: async (method, path, init = {}) => {
      const response = await fetch(url + path, { ...init, method });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: text === '' ? {} : parseObject(text),
      };
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** The header of a user: `alice` (or any name), `guest…`, `admin…`, `locked…` and `suspended…`. */
export function bearer(name: string): { readonly headers: { readonly Authorization: string } } {
  return { headers: { Authorization: `Bearer ${name}` } };
}

/** Tokens are names; `bad` is no good. */
export async function authenticate(token: string): Promise<Requester> {
  if (token === 'bad') throw unknownToken('Unknown token', { soft_logout: true });
  const [userId, deviceId] = [parseUserId(`@${token}:x`), parseDeviceId('D')];
  if (userId === undefined || deviceId === undefined) throw new Error(`no user can be named ${token}`);
  const [isGuest, isAdmin] = [token.startsWith('guest'), token.startsWith('admin')];
  const accountState = {
    ...UNRESTRICTED,
    isLocked: token.startsWith('locked'),
    isSuspended: token.startsWith('suspended'),
  };
  return { userId, deviceId, userNid: 1, sessionNid: 1, isGuest, isAdmin, accountState };
}

function parseObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error(`not an object: ${text}`);
  return value;
}
