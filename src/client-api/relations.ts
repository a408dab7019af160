import { z } from 'zod';
import { endpoint, type Endpoint, type Reply } from '../http/endpoint.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import type { BundleDeps } from '../rooms/bundles.ts';
import type { Viewer } from '../rooms/client-events.ts';
import { readRelations, readThreads, RECURSION_DEPTH } from '../rooms/read-relations.ts';
import { formatStreamToken } from '../storage/stream-token.ts';
import { limitField, streamTokenField } from './room-fields.ts';

export type RelationsDeps = BundleDeps;

const MOST_EVENTS = 1_000;
const EVENTS_BY_DEFAULT = 20;

const relationsQuery = z.object({
  dir: z.enum(['b', 'f']).default('b'),
  from: streamTokenField.optional(),
  to: streamTokenField.optional(),
  limit: limitField(EVENTS_BY_DEFAULT, MOST_EVENTS),
  recurse: z.enum(['true', 'false']).optional(),
});

interface RelationsPath {
  readonly roomId: RoomId;
  readonly eventId: EventId;
  readonly relType?: string;
  readonly eventType?: string;
}

async function answerRelations(
  deps: RelationsDeps,
  viewer: Viewer,
  path: RelationsPath,
  query: z.infer<typeof relationsQuery>,
): Promise<Reply> {
  const { from } = query;
  const { chunk, end } = await readRelations(deps, viewer, {
    roomId: path.roomId,
    eventId: path.eventId,
    relType: path.relType,
    eventType: path.eventType,
    backwards: query.dir === 'b',
    from,
    to: query.to,
    // A page without any event would lead nowhere.
    limit: Math.max(1, query.limit),
    recurse: query.recurse === 'true',
  });
  return {
    body: {
      chunk,
      ...(from === undefined ? {} : { prev_batch: formatStreamToken(from) }),
      ...(end === undefined ? {} : { next_batch: formatStreamToken(end) }),
      ...(query.recurse === undefined
        ? {}
        : { recursion_depth: query.recurse === 'true' ? RECURSION_DEPTH : 1 }),
    },
  };
}

/** The path under the prefix of the time before relations were part of the specification, which bots still use. */
function unstablePath(path: `/_matrix/client/v1/${string}`): string {
  return path.replace('/_matrix/client/v1/', '/_matrix/client/unstable/');
}

const RELATIONS = '/_matrix/client/v1/rooms/{roomId}/relations/{eventId}';
const RELATIONS_OF_TYPE = '/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}';
const RELATIONS_OF_TYPES = '/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}';

const getRelatingEvents = endpoint({
  name: 'getRelatingEvents',
  method: 'GET',
  path: RELATIONS,
  alsoAt: [unstablePath(RELATIONS)],
  auth: 'user',
  rateLimit: 'read',
  query: relationsQuery,
  handle: (deps: RelationsDeps, { params, query, requester }) =>
    answerRelations(deps, requester, params, query),
});

const getRelatingEventsWithRelType = endpoint({
  name: 'getRelatingEventsWithRelType',
  method: 'GET',
  path: RELATIONS_OF_TYPE,
  alsoAt: [unstablePath(RELATIONS_OF_TYPE)],
  auth: 'user',
  rateLimit: 'read',
  query: relationsQuery,
  handle: (deps: RelationsDeps, { params, query, requester }) =>
    answerRelations(deps, requester, params, query),
});

const getRelatingEventsWithRelTypeAndEventType = endpoint({
  name: 'getRelatingEventsWithRelTypeAndEventType',
  method: 'GET',
  path: RELATIONS_OF_TYPES,
  alsoAt: [unstablePath(RELATIONS_OF_TYPES)],
  auth: 'user',
  rateLimit: 'read',
  query: relationsQuery,
  handle: (deps: RelationsDeps, { params, query, requester }) =>
    answerRelations(deps, requester, params, query),
});

const getThreadRoots = endpoint({
  name: 'getThreadRoots',
  method: 'GET',
  path: '/_matrix/client/v1/rooms/{roomId}/threads',
  alsoAt: ['/_matrix/client/unstable/org.matrix.msc3856/rooms/{roomId}/threads'],
  auth: 'user',
  rateLimit: 'read',
  query: z.object({
    include: z.enum(['all', 'participated']).default('all'),
    from: streamTokenField.optional(),
    limit: limitField(EVENTS_BY_DEFAULT, MOST_EVENTS),
  }),
  handle: async (deps: RelationsDeps, { params, query, requester }) => {
    const { chunk, end } = await readThreads(deps, requester, {
      roomId: params.roomId,
      onlyParticipated: query.include === 'participated',
      from: query.from,
      limit: Math.max(1, query.limit),
    });
    return { body: { chunk, ...(end === undefined ? {} : { next_batch: formatStreamToken(end) }) } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#relationships-api */
export const relationsEndpoints: readonly Endpoint<RelationsDeps>[] = [
  getRelatingEvents,
  getRelatingEventsWithRelType,
  getRelatingEventsWithRelTypeAndEventType,
  getThreadRoots,
];
