import { makeUserId, parseServerName, type UserId } from '../../src/matrix/identifiers.ts';
import type { Appservice, Namespace } from '../../src/matrix/appservices.ts';
import { request, succeed, textAt, type TestReply, type TestServer } from '../support/server.ts';

export const C = '/_matrix/client/v3';
export const AS_TOKEN = 'bridge-token';
export const HS_TOKEN = 'homeserver-token';

/** A namespace of what begins like this. */
export function namespace(beginning: string, exclusive: boolean): Namespace {
  return { pattern: new RegExp(`^(?:${beginning})`), exclusive };
}

/** A bridge whose users are called `@irc_…` and whose rooms `#irc_…`, all of them its own. */
export function bridge(changes: Partial<Appservice> = {}): Appservice {
  return {
    id: 'irc',
    url: undefined,
    asToken: AS_TOKEN,
    hsToken: HS_TOKEN,
    sender: localUser('irc_bot'),
    namespaces: { users: [namespace('@irc_', true)], aliases: [namespace('#irc_', true)], rooms: [] },
    rateLimited: false,
    protocols: [],
    receivesEphemeral: false,
    ...changes,
  };
}

/** Registers a user of the bridge; the answer is the user id. */
export async function registerBridged(
  server: Pick<TestServer, 'baseUrl'>,
  username: string,
  token = AS_TOKEN,
): Promise<string> {
  const body = { type: 'm.login.application_service', username, inhibit_login: true };
  return textAt(await succeed(server, 'POST', `${C}/register`, { token, body }), 'user_id');
}

/** A request of the bridge in the name of a user. */
export function requestAs(
  server: Pick<TestServer, 'baseUrl'>,
  userId: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<TestReply> {
  const joint = path.includes('?') ? '&' : '?';
  const asserting = `${path}${joint}user_id=${encodeURIComponent(userId)}`;
  return request(server, method, asserting, { token: AS_TOKEN, body });
}

/** The same for what must succeed. */
export async function succeedAs(...args: Parameters<typeof requestAs>): Promise<TestReply['body']> {
  const reply = await requestAs(...args);
  if (reply.status !== 200)
    throw new Error(`${args[2]} ${args[3]}: ${reply.status} ${JSON.stringify(reply.json)}`);
  return reply.body;
}

/** Another bridge, whose users are called `@slack_…`: its token is `slack`. */
export function otherBridge(changes: Partial<Appservice> = {}): Appservice {
  return bridge({
    id: 'slack',
    asToken: 'slack',
    sender: localUser('slack_bot'),
    namespaces: { users: [namespace('@slack_', true)], aliases: [], rooms: [] },
    ...changes,
  });
}

function localUser(localpart: string): UserId {
  const serverName = parseServerName('localhost');
  const userId = serverName && makeUserId(localpart, serverName);
  if (userId === undefined) throw new Error('that is a user id');
  return userId;
}
