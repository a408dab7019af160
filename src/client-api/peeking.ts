import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { peek, readRoomOnce, type PeekDeps } from '../sync/peek.ts';
import { limitField, oldPath, roomIdField, streamTokenField } from './room-fields.ts';

export type PeekingDeps = PeekDeps;

const EVENTS_BY_DEFAULT = 20;
const MOST_EVENTS = 100;
const INITIAL_SYNC = '/_matrix/client/v3/rooms/{roomId}/initialSync';

const roomInitialSync = endpoint({
  name: 'roomInitialSync',
  method: 'GET',
  path: INITIAL_SYNC,
  alsoAt: [oldPath(INITIAL_SYNC)],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: z.object({ limit: limitField(EVENTS_BY_DEFAULT, MOST_EVENTS) }),
  handle: async (deps: PeekingDeps, { params, query, requester }) => ({
    body: await readRoomOnce(deps, requester, params.roomId, query.limit),
  }),
});

const peekEvents = endpoint({
  name: 'peekEvents',
  method: 'GET',
  path: '/_matrix/client/v3/events',
  alsoAt: [oldPath('/_matrix/client/v3/events')],
  auth: 'guest-ok',
  rateLimit: 'none',
  query: z.object({
    room_id: roomIdField,
    from: streamTokenField.optional(),
    timeout: z
      .string()
      .regex(/^-?[0-9]{1,15}$/, 'expected a whole number of milliseconds')
      .transform(Number)
      .default(0),
  }),
  handle: async (deps: PeekingDeps, { query, requester, live }) => {
    const request = { roomId: query.room_id, from: query.from, timeoutMs: query.timeout };
    return { body: await peek(deps, requester, request, live.signal) };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#room-previews */
export const peekingEndpoints: readonly Endpoint<PeekingDeps>[] = [roomInitialSync, peekEvents];
