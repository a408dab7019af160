import { z } from 'zod';
import { resolvePlaceholder } from '../futures/placeholder.ts';
import { endpoint, type Endpoint, type Reply, type Requester } from '../http/endpoint.ts';
import { badJson } from '../matrix/errors.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { limitOf, parseRoomEventFilter, type RoomEventFilter } from '../matrix/filters.ts';
import { renderWithBundles } from '../rooms/bundles.ts';
import { getVisibleEvent, readContext } from '../rooms/read-context.ts';
import { readPage, type TimelineReadDeps } from '../rooms/read-timeline.ts';
import { formatStreamToken } from '../storage/stream-token.ts';
import { limitField, oldPath, streamTokenField } from './room-fields.ts';

export type RoomMessagesDeps = TimelineReadDeps;

const MOST_EVENTS = 1_000;
const EVENTS_BY_DEFAULT = 10;

function readFilter(text: string | undefined): RoomEventFilter {
  if (text === undefined) return parseRoomEventFilter({});
  try {
    return parseRoomEventFilter(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw badJson('filter: not JSON');
    throw error;
  }
}

const getRoomEvents = endpoint({
  name: 'getRoomEvents',
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/messages',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/messages')],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: z.object({
    dir: z.enum(['b', 'f']).default('b'),
    // An empty token stands for none: some clients send it for the first page.
    from: z.union([z.literal('').transform(() => undefined), streamTokenField]).optional(),
    to: streamTokenField.optional(),
    limit: limitField(EVENTS_BY_DEFAULT, MOST_EVENTS),
    filter: z.string().optional(),
  }),
  handle: async (deps: RoomMessagesDeps, { params, query, requester }) => {
    const filter = readFilter(query.filter);
    const page = await readPage(deps, requester, {
      roomId: params.roomId,
      backwards: query.dir === 'b',
      from: query.from,
      to: query.to,
      limit: limitOf(filter, query.limit, query.limit),
      filter,
    });
    return {
      body: {
        chunk: page.chunk,
        start: formatStreamToken(page.start),
        ...(page.end === undefined ? {} : { end: formatStreamToken(page.end) }),
        ...(page.state.length === 0 ? {} : { state: page.state }),
      },
    };
  },
});

async function oneEvent(
  deps: RoomMessagesDeps,
  requester: Requester,
  roomId: RoomId | undefined,
  named: EventId,
): Promise<Reply> {
  const eventId = (await resolvePlaceholder(deps.db, named, requester)) ?? named;
  const event = await getVisibleEvent(deps, requester, roomId, eventId);
  const [rendered = {}] = await renderWithBundles(deps, [event], requester, { withRoomId: true });
  return { body: rendered };
}

const getOneRoomEvent = endpoint({
  name: 'getOneRoomEvent',
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/event/{eventId}',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/event/{eventId}')],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: (deps: RoomMessagesDeps, { params, requester }) =>
    oneEvent(deps, requester, params.roomId, params.eventId),
});

/** Deprecated: the same for clients that do not know the room. */
const getOneEvent = endpoint({
  name: 'getOneEvent',
  method: 'GET',
  path: '/_matrix/client/v3/events/{eventId}',
  alsoAt: [oldPath('/_matrix/client/v3/events/{eventId}')],
  auth: 'user',
  rateLimit: 'read',
  handle: (deps: RoomMessagesDeps, { params, requester }) =>
    oneEvent(deps, requester, undefined, params.eventId),
});

const getEventContext = endpoint({
  name: 'getEventContext',
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/context/{eventId}',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/context/{eventId}')],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: z.object({ limit: limitField(EVENTS_BY_DEFAULT, MOST_EVENTS), filter: z.string().optional() }),
  handle: async (deps: RoomMessagesDeps, { params, query, requester }) => {
    const filter = readFilter(query.filter);
    const limit = limitOf(filter, query.limit, query.limit);
    const context = await readContext(deps, requester, { ...params, limit, filter });
    return {
      body: {
        event: context.event,
        events_before: context.before,
        events_after: context.after,
        start: formatStreamToken(context.start),
        end: formatStreamToken(context.end),
        state: context.state,
      },
    };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room */
export const roomMessagesEndpoints: readonly Endpoint<RoomMessagesDeps>[] = [
  getRoomEvents,
  getOneRoomEvent,
  getOneEvent,
  getEventContext,
];
