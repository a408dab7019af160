import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { StreamHub } from '../storage/stream-hub.ts';

export interface ReadinessDeps {
  readonly hub: Pick<StreamHub, 'catchUp'>;
}

/**
 * Whether requests can be served, for whoever decides to send some here. 503 while the database is away: that passes by
 * itself, and is no reason to start the server again. `/_matrix/client/versions` says whether the process lives.
 */
const getReadiness = endpoint({
  name: 'getReadiness',
  method: 'GET',
  path: '/_morrow/ready',
  auth: 'none',
  rateLimit: 'read',
  handle: async ({ hub }: ReadinessDeps) => {
    await hub.catchUp();
    return { body: {} };
  },
});

/** Of this server alone: the specification has nothing of the kind. */
export const readinessEndpoints: readonly Endpoint<ReadinessDeps>[] = [getReadiness];
