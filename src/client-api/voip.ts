import { makeTurnCredentials, type TurnServers } from '../accounts/turn-credentials.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { Clock } from '../util/clock.ts';
import { oldPath } from './room-fields.ts';

export interface VoipDeps {
  readonly clock: Clock;
  /** undefined: there are none. */
  readonly turn: TurnServers | undefined;
}

const getTurnServer = endpoint({
  name: 'getTurnServer',
  method: 'GET',
  path: '/_matrix/client/v3/voip/turnServer',
  alsoAt: [oldPath('/_matrix/client/v3/voip/turnServer')],
  auth: 'user',
  rateLimit: 'read',
  handle: (deps: VoipDeps, { requester }) => {
    // Clients take an empty answer for a server without any, as Synapse gives it.
    if (deps.turn === undefined) return { body: {} };
    const { username, password, uris, ttlSeconds } = makeTurnCredentials(deps, deps.turn, requester.userId);
    return { body: { username, password, uris, ttl: ttlSeconds } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#voice-over-ip */
export const voipEndpoints: readonly Endpoint<VoipDeps>[] = [getTurnServer];
