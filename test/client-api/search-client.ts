import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { request, succeed, type TestReply, type TestServer, type TestUser } from '../support/server.ts';
import { objectAt, objectsAt } from './rooms-client.ts';

type Reachable = Pick<TestServer, 'baseUrl'>;

function pathOf(nextBatch: JsonValue | undefined): string {
  const path = '/_matrix/client/v3/search';
  return typeof nextBatch === 'string' ? `${path}?next_batch=${encodeURIComponent(nextBatch)}` : path;
}

/** The answer to a search with these criteria of `room_events`. */
export function trySearch(
  server: Reachable,
  user: TestUser,
  criteria: JsonObject,
  nextBatch?: JsonValue,
): Promise<TestReply> {
  const body = { search_categories: { room_events: criteria } };
  return request(server, 'POST', pathOf(nextBatch), { token: user, body });
}

/** What a search that must succeed has found, as `room_events`. */
export async function searchFor(
  server: Reachable,
  user: TestUser,
  term: string,
  criteria: JsonObject = {},
  nextBatch?: JsonValue,
): Promise<JsonObject> {
  const body = { search_categories: { room_events: { search_term: term, ...criteria } } };
  const answer = await succeed(server, 'POST', pathOf(nextBatch), { token: user, body });
  return objectAt(objectAt(answer, 'search_categories'), 'room_events');
}

/** The ids of the events that were found, in order. */
export function idsIn(found: JsonObject): (JsonValue | undefined)[] {
  return objectsAt(found, 'results').map((result) => objectAt(result, 'result')['event_id']);
}
