import { isJsonObject } from '../../src/util/json.ts';
import { loadSpecSchemas } from './spec-schemas.ts';

const schemas = loadSpecSchemas();

/** Where the server says something else than the schema on purpose. */
const EXCEPTIONS: readonly { readonly matches: RegExp; readonly reason: string }[] = [
  {
    matches: /\/send\/future\//,
    reason: 'futures share the path of a message of type "future" and answer with ids of all events',
  },
  {
    matches: /[?&]org\.matrix\.msc4140\.delay=/,
    reason: 'a delayed event has a delay_id and no event_id yet (MSC4140)',
  },
  {
    matches: /[?&]format=event/,
    reason: 'a whole event fits both alternatives of the schema, which allows only one of them',
  },
  { matches: /\/voip\/turnServer/, reason: 'without TURN servers the answer is an empty object' },
  {
    matches: /[?&]org\.matrix\.msc4222\.use_state_after=true/,
    reason: 'state_after has its unstable name (MSC4222)',
  },
];

/** Throws when an answer does not fit the specification's schema of its operation and status. */
export function checkAgainstSpec(method: string, path: string, status: number, body: unknown): void {
  if (schemas === undefined || EXCEPTIONS.some(({ matches }) => matches.test(path))) return;
  // The schemas of 401 know of no other reason than a stage that is to be completed.
  if (status === 401 && isJsonObject(body) && body['errcode'] === 'M_USER_LOCKED') return;
  const faults = schemas.findFaults(method, path, status, body);
  if (faults.length === 0) return;
  throw new Error(
    `${method} ${path} answers ${status} against the specification:\n  ${faults.join('\n  ')}\n${JSON.stringify(body)}`,
  );
}
