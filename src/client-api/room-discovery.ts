import { z } from 'zod';
import { resolveRoom, type AliasDeps } from '../directory/aliases.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { invalidParam } from '../matrix/errors.ts';
import { findEventByTime } from '../rooms/find-by-time.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { readRoomSummary } from '../rooms/room-preview.ts';
import { readHierarchy } from '../rooms/space-hierarchy.ts';
import { limitField } from './room-fields.ts';

export type RoomDiscoveryDeps = RoomReadDeps & AliasDeps;

const getRoomSummary = endpoint({
  name: 'getRoomSummary',
  method: 'GET',
  path: '/_matrix/client/v1/room_summary/{roomIdOrAlias}',
  // MSC3266.
  alsoAt: [
    '/_matrix/client/unstable/im.nheko.summary/summary/{roomIdOrAlias}',
    '/_matrix/client/unstable/im.nheko.summary/rooms/{roomIdOrAlias}/summary',
  ],
  auth: 'optional',
  rateLimit: 'read',
  handle: async (deps: RoomDiscoveryDeps, { params, requester }) => {
    const roomId = await resolveRoom(deps, params.roomIdOrAlias);
    return { body: await readRoomSummary(deps, requester, roomId) };
  },
});

const MOST_ROOMS = 100;
const ROOMS_BY_DEFAULT = 50;
const DEEPEST = 50;
const DEPTH_BY_DEFAULT = 10;
const TOKEN = /^h([0-9]{1,9})\.([0-9]{1,9})\.([ns])$/;

/** A token holds what it was made for: how many rooms to skip, how deep the tree goes, and whether all rooms count. */
const hierarchyTokenField = z.string().transform((text, context) => {
  const [, skip, maxDepth, kind] = TOKEN.exec(text) ?? [];
  if (kind !== undefined)
    return { skip: Number(skip), maxDepth: Number(maxDepth), suggestedOnly: kind === 's' };
  context.addIssue({ code: 'custom', message: 'not a token of this server' });
  return z.NEVER;
});

const getSpaceHierarchy = endpoint({
  name: 'getSpaceHierarchy',
  method: 'GET',
  path: '/_matrix/client/v1/rooms/{roomId}/hierarchy',
  alsoAt: ['/_matrix/client/unstable/org.matrix.msc2946/rooms/{roomId}/hierarchy'],
  auth: 'user',
  rateLimit: 'read',
  query: z.object({
    suggested_only: z.enum(['true', 'false']).default('false'),
    limit: limitField(ROOMS_BY_DEFAULT, MOST_ROOMS),
    max_depth: limitField(DEPTH_BY_DEFAULT, DEEPEST),
    from: hierarchyTokenField.optional(),
  }),
  handle: async (deps: RoomDiscoveryDeps, { params, query, requester }) => {
    const { from, max_depth: maxDepth } = query;
    const suggestedOnly = query.suggested_only === 'true';
    if (from !== undefined && (from.maxDepth !== maxDepth || from.suggestedOnly !== suggestedOnly))
      throw invalidParam('suggested_only and max_depth must stay the same from page to page.');
    const skip = from?.skip ?? 0;
    const limit = Math.max(1, query.limit);
    const page = await readHierarchy(deps, requester, {
      roomId: params.roomId,
      suggestedOnly,
      maxDepth,
      skip,
      limit,
    });
    const next = `h${skip + limit}.${maxDepth}.${suggestedOnly ? 's' : 'n'}`;
    return { body: { rooms: page.rooms, ...(page.hasMore ? { next_batch: next } : {}) } };
  },
});

const getEventByTimestamp = endpoint({
  name: 'getEventByTimestamp',
  method: 'GET',
  path: '/_matrix/client/v1/rooms/{roomId}/timestamp_to_event',
  alsoAt: ['/_matrix/client/unstable/org.matrix.msc3030/rooms/{roomId}/timestamp_to_event'],
  auth: 'user',
  rateLimit: 'read',
  query: z.object({
    ts: z
      .string()
      .regex(/^[0-9]{1,15}$/, 'not a time in milliseconds')
      .transform(Number),
    dir: z.enum(['f', 'b']),
  }),
  handle: async (deps: RoomDiscoveryDeps, { params, query, requester }) => {
    const { stored, originServerTs } = await findEventByTime(deps, requester, {
      roomId: params.roomId,
      ts: query.ts,
      backwards: query.dir === 'b',
    });
    return { body: { event_id: stored.eventId, origin_server_ts: originServerTs } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#room-summaries */
export const roomDiscoveryEndpoints: readonly Endpoint<RoomDiscoveryDeps>[] = [
  getRoomSummary,
  getSpaceHierarchy,
  getEventByTimestamp,
];
