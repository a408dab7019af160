import type { JsonObject } from '../../src/util/json.ts';
import { succeed, textAt, type TestServer, type TestUser } from '../support/server.ts';
import { objectAt, objectsAt } from './rooms-client.ts';

type Reachable = Pick<TestServer, 'baseUrl'>;

/** One answer of /sync, and how to ask for the next. */
export interface Synced {
  readonly body: JsonObject;
  readonly next: string;
  /** What is said of a room that the user is in. */
  readonly joined: (roomId: string) => JsonObject;
  /** Ephemeral events of a room by type. */
  readonly ephemeral: (roomId: string, type: string) => JsonObject[];
}

/** One /sync; parameters as in the query. Who syncs shows nobody that they are there unless the query says so. */
export async function syncAs(
  server: Reachable,
  user: TestUser,
  query: Readonly<Record<string, string>> = {},
): Promise<Synced> {
  const text = new URLSearchParams({ set_presence: 'offline', ...query }).toString();
  const body = await succeed(server, 'GET', `/_matrix/client/v3/sync?${text}`, { token: user });
  const joined = (roomId: string): JsonObject => objectAt(objectAt(objectAt(body, 'rooms'), 'join'), roomId);
  return {
    body,
    next: textAt(body, 'next_batch'),
    joined,
    ephemeral: (roomId, type) =>
      objectsAt(objectAt(joined(roomId), 'ephemeral'), 'events').filter((event) => event['type'] === type),
  };
}

/** Content by type of the account data in a part of an answer. */
export function accountDataIn(part: JsonObject): JsonObject {
  const events = objectsAt(objectAt(part, 'account_data'), 'events');
  return Object.fromEntries(events.map((event) => [textAt(event, 'type'), event['content']]));
}

/** Content by sender of the presence in an answer. */
export function presenceIn(synced: Synced): JsonObject {
  const events = objectsAt(objectAt(synced.body, 'presence'), 'events');
  return Object.fromEntries(events.map((event) => [textAt(event, 'sender'), event['content']]));
}

/** `/_matrix/client/v3/…`, each part escaped. */
export function clientPath(...parts: readonly string[]): string {
  return `/_matrix/client/v3/${parts.map(encodeURIComponent).join('/')}`;
}
