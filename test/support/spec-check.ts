import { isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import { loadSpecSchemas, type Answer } from './spec-schemas.ts';

const schemas = loadSpecSchemas();

const BACKUP_ALGORITHM = 'm.megolm_backup.v1.curve25519-aes-sha2';

/** Where the server says something else than the schema on purpose. */
const EXCEPTIONS: readonly {
  /** A path with its query. */
  readonly matches: RegExp;
  readonly concerns: (answer: Answer) => boolean;
  readonly reason: string;
}[] = [
  {
    matches: /\/send\/future\//,
    concerns: ({ status }) => status === 200,
    reason: 'futures share the path of a message of type "future" and answer with ids of all events',
  },
  {
    matches: /[?&]org\.matrix\.msc4140\.delay=/,
    concerns: ({ status }) => status === 200,
    reason: 'a delayed event has a delay_id and no event_id yet (MSC4140)',
  },
  {
    matches: /[?&]format=event/,
    concerns: ({ status }) => status === 200,
    reason: 'a whole event fits both alternatives of the schema, which allows only one of them',
  },
  {
    matches: /\/voip\/turnServer(?:\?|$)/,
    concerns: ({ json }) => isJsonObject(json) && Object.keys(json).length === 0,
    reason: 'without TURN servers the answer is an empty object',
  },
  {
    matches: /\/keys\/device_signing\/upload(?:\?|$)/,
    concerns: ({ status }) => status === 401,
    reason: 'the schemas do not say that stages are asked for, as the text does',
  },
  {
    matches: /\/room_keys\/version(?:[/?]|$)/,
    concerns: ({ json }) =>
      isJsonObject(json) && typeof json['algorithm'] === 'string' && json['algorithm'] !== BACKUP_ALGORITHM,
    reason: 'backups of algorithms from drafts are kept as well',
  },
  {
    matches: /\/(?:hierarchy|room_summary\/[^/?]+|summary)(?:\?|$)/,
    concerns: ({ json }) => isJsonObject(json) && listRooms(json).some(hasOtherEncryption),
    reason: 'a room with an algorithm that the specification does not know is not shown as unencrypted',
  },
];

function listRooms(body: JsonObject): readonly JsonValue[] {
  return Array.isArray(body['rooms']) ? body['rooms'] : [body];
}

function hasOtherEncryption(room: JsonValue): boolean {
  const algorithm = isJsonObject(room) ? room['encryption'] : undefined;
  return typeof algorithm === 'string' && algorithm !== 'm.megolm.v1.aes-sha2';
}

const violations: string[] = [];

/** What an answer says against the specification's schema of its operation and status. `path` includes the query. */
export function findViolation(method: string, path: string, answer: Answer): string | undefined {
  if (schemas === undefined) return undefined;
  if (EXCEPTIONS.some(({ matches, concerns }) => matches.test(path) && concerns(answer))) return undefined;
  const faults = schemas.findFaults(method, path, answer);
  if (faults.length === 0) return undefined;
  return `${method} ${path} answers ${answer.status} against the specification:\n  ${faults.join('\n  ')}\n${JSON.stringify(answer.json)}`;
}

/**
 * Throws for an answer that {@link findViolation} does not like. What it found is also remembered until
 * {@link takeViolations}, since a client library may swallow what is thrown.
 */
export function checkAgainstSpec(method: string, path: string, answer: Answer): void {
  const violation = findViolation(method, path, answer);
  if (violation === undefined) return;
  violations.push(violation);
  throw new Error(violation);
}

/** What answers have been found to be against the specification since the last call. */
export function takeViolations(): readonly string[] {
  return violations.splice(0);
}

/** `fetch` for tests: every answer is held against the specification ({@link checkAgainstSpec}). */
export async function checkedFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(input, init);
  const method = init.method ?? (input instanceof Request ? input.method : 'GET');
  const { pathname, search } = new URL(input instanceof Request ? input.url : input);
  const contentType = response.headers.get('content-type');
  const isJson = method !== 'HEAD' && contentType === 'application/json';
  const json: unknown = isJson ? await response.clone().json() : undefined;
  checkAgainstSpec(method, pathname + search, { status: response.status, contentType, json });
  return response;
}
