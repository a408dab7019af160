import { z } from 'zod';
import type { PresenceBoard } from '../ephemeral/presence.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { Clock } from '../util/clock.ts';
import { storedText } from './request-body.ts';
import { oldPath } from './room-fields.ts';

export interface PresenceEndpointDeps {
  readonly presenceBoard: Pick<PresenceBoard, 'say' | 'get'>;
  readonly clock: Clock;
}

const STATUS = '/_matrix/client/v3/presence/{userId}/status';
const LONGEST_MESSAGE = 1_024;

const setPresence = endpoint({
  name: 'setPresence',
  method: 'PUT',
  path: STATUS,
  alsoAt: [oldPath(STATUS)],
  auth: 'user',
  rateLimit: 'write',
  body: z.object({
    presence: z.enum(['online', 'unavailable', 'offline']),
    status_msg: storedText.max(LONGEST_MESSAGE).nullish(),
  }),
  handle: async (deps: PresenceEndpointDeps, { params, body, requester }) => {
    const said = { state: body.presence, statusMsg: body.status_msg ?? undefined };
    await deps.presenceBoard.say(requester, params.userId, said);
    return { body: {} };
  },
});

const getPresence = endpoint({
  name: 'getPresence',
  method: 'GET',
  path: STATUS,
  alsoAt: [oldPath(STATUS)],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: PresenceEndpointDeps, { params, requester }) => {
    const presence = await deps.presenceBoard.get(requester, params.userId);
    return {
      body: {
        presence: presence.state,
        currently_active: presence.state === 'online',
        ...(presence.lastActiveTs === 0
          ? {}
          : { last_active_ago: deps.clock.nowMs() - presence.lastActiveTs }),
        ...(presence.statusMsg === undefined ? {} : { status_msg: presence.statusMsg }),
      },
    };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#presence */
export const presenceEndpoints: readonly Endpoint<PresenceEndpointDeps>[] = [setPresence, getPresence];
