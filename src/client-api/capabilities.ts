import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { ROOM_VERSIONS, UNSTABLE_ROOM_VERSIONS, type RoomVersion } from '../matrix/room-version.ts';
import { oldPath } from './room-fields.ts';

export interface CapabilitiesDeps {
  readonly defaultRoomVersion: RoomVersion;
  readonly maxDelayMs: number;
  readonly maxDelayedEvents: number;
}

/** What administrators may do, under both names; everybody else is told nothing of it. */
const ACCOUNT_MODERATION = {
  'm.account_moderation': { suspend: true, lock: true },
  'uk.timedout.msc4323': { suspend: true, lock: true },
};

const getCapabilities = endpoint({
  name: 'getCapabilities',
  method: 'GET',
  path: '/_matrix/client/v3/capabilities',
  alsoAt: [oldPath('/_matrix/client/v3/capabilities')],
  auth: 'user',
  rateLimit: 'read',
  handle: (deps: CapabilitiesDeps, { requester }) => {
    const delayedEvents = { max_delay_ms: deps.maxDelayMs, max_scheduled: deps.maxDelayedEvents };
    return {
      body: {
        capabilities: {
          'm.room_versions': {
            default: deps.defaultRoomVersion,
            available: Object.fromEntries([
              ...ROOM_VERSIONS.map((version) => [version, 'stable']),
              ...UNSTABLE_ROOM_VERSIONS.map((version) => [version, 'unstable']),
            ]),
          },
          'm.change_password': { enabled: true },
          'm.profile_fields': { enabled: true },
          'm.3pid_changes': { enabled: false },
          'm.get_login_token': { enabled: true },
          ...(requester.isAdmin ? ACCOUNT_MODERATION : {}),
          'm.delayed_events': delayedEvents,
          'org.matrix.msc4140.delayed_events': delayedEvents,
        },
      },
    };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#capabilities-negotiation */
export const capabilitiesEndpoints: readonly Endpoint<CapabilitiesDeps>[] = [getCapabilities];
