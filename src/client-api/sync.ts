import { z } from 'zod';
import type { PresenceBoard } from '../ephemeral/presence.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { StateAfterKey, SyncReadDeps } from '../sync/provider.ts';
import { sync } from '../sync/sync.ts';

export interface SyncEndpointDeps extends SyncReadDeps {
  readonly presenceBoard: Pick<PresenceBoard, 'noteSync'>;
}

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const optionalText = z
  .string()
  .transform((text) => (text === '' ? undefined : text))
  .optional();

const syncQuery = z.object({
  filter: optionalText,
  since: optionalText,
  full_state: flag.default(false),
  set_presence: z.enum(['offline', 'online', 'unavailable']).default('online'),
  timeout: z
    .string()
    .regex(/^-?[0-9]{1,15}$/, 'expected a whole number of milliseconds')
    .transform(Number)
    .default(0),
  use_state_after: flag.default(false),
  'org.matrix.msc4222.use_state_after': flag.default(false),
});

const syncEndpoint = endpoint({
  name: 'sync',
  method: 'GET',
  path: '/_matrix/client/v3/sync',
  alsoAt: ['/_matrix/client/r0/sync'],
  auth: 'guest-ok',
  rateLimit: 'none',
  query: syncQuery,
  handle: async (deps: SyncEndpointDeps, { query, requester, live }) => {
    await deps.presenceBoard.noteSync(requester, query.set_presence, query.timeout);
    const request = {
      filter: query.filter,
      since: query.since,
      fullState: query.full_state,
      stateAfter: stateAfterKey(query),
      timeoutMs: query.timeout,
    };
    return { body: await sync(deps, requester, request, live) };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#syncing */
export const syncEndpoints: readonly Endpoint<SyncEndpointDeps>[] = [syncEndpoint];

/** The state at the end of timelines is answered in the spelling in which it was asked for. */
function stateAfterKey(query: z.output<typeof syncQuery>): StateAfterKey | undefined {
  if (query.use_state_after) return 'state_after';
  return query['org.matrix.msc4222.use_state_after'] ? 'org.matrix.msc4222.state_after' : undefined;
}
