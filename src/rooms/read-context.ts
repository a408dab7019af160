import { notFound } from '../matrix/errors.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { memberSlot } from '../matrix/power-levels.ts';
import type { RoomEventFilter } from '../matrix/filters.ts';
import { listEventsById, type StoredEvent } from '../storage/events.ts';
import type { JsonObject } from '../util/json.ts';
import { renderWithBundles } from './bundles.ts';
import { readableEvent, renderEvents, type RenderDeps, type Viewer } from './client-events.ts';
import { findStateEvents, listStateEvents, stateAt } from './read-state.ts';
import { BEGINNING, collectEvents, type FoundEvents, type TimelineReadDeps } from './read-timeline.ts';
import { lastPositionSeenWith, requireRoomAccess } from './room-access.ts';
import { filterVisible } from './visibility.ts';

/**
 * An event that the viewer may see, in this room or (undefined) in any. Throws 404 M_NOT_FOUND for all others, whether they exist or not.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid
 */
export async function getVisibleEvent(
  deps: RenderDeps,
  viewer: Viewer,
  roomId: RoomId | undefined,
  eventId: EventId,
): Promise<StoredEvent> {
  const found = await listEventsById(deps.db, [eventId]);
  const asked = found.filter((event) => roomId === undefined || event.roomId === roomId);
  const [visible] = await filterVisible(deps, asked, viewer);
  if (visible === undefined) throw notFound(`No event ${eventId} that you may see.`);
  return visible;
}

export interface ContextRequest {
  readonly roomId: RoomId;
  readonly eventId: EventId;
  /** How many events around the one, both sides together. */
  readonly limit: number;
  readonly filter: RoomEventFilter;
}

/** An event with what surrounds it; positions are where /messages may go on. */
export interface EventContext {
  readonly event: JsonObject;
  readonly before: readonly JsonObject[];
  readonly after: readonly JsonObject[];
  readonly start: number;
  readonly end: number;
  readonly state: readonly JsonObject[];
}

/**
 * The events around one, nearest first on both sides, and the state as of the last of them. Throws 404 M_NOT_FOUND and
 * 403 M_FORBIDDEN. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid
 */
export async function readContext(
  deps: TimelineReadDeps,
  viewer: Viewer,
  request: ContextRequest,
): Promise<EventContext> {
  const { roomId, filter } = request;
  const event = await getVisibleEvent(deps, viewer, roomId, request.eventId);
  const access = await requireRoomAccess(deps, roomId, viewer);
  const { before, after, start, end } = await readAround(deps, viewer, event, {
    before: Math.floor(request.limit / 2),
    after: Math.ceil(request.limit / 2),
    filter,
    last: lastPositionSeenWith(access),
  });
  const events = [...before, event, ...after];
  const rendered = await renderWithBundles(deps, events, viewer, { withRoomId: true });
  return {
    before: rendered.slice(0, before.length),
    event: rendered[before.length] ?? {},
    after: rendered.slice(before.length + 1),
    start,
    end,
    state: await renderEvents(deps, await listContextState(deps, events, filter), viewer, {
      withRoomId: true,
    }),
  };
}

export interface AroundRequest {
  /** How many events before and after. */
  readonly before: number;
  readonly after: number;
  readonly filter: RoomEventFilter;
  /** The last position that the viewer may read in the room. */
  readonly last: number;
}

/** What surrounds an event, nearest first on both sides, and the positions where /messages may go on. */
export async function readAround(
  deps: TimelineReadDeps,
  viewer: Viewer,
  event: StoredEvent,
  request: AroundRequest,
): Promise<{
  readonly before: readonly StoredEvent[];
  readonly after: readonly StoredEvent[];
  readonly start: number;
  readonly end: number;
}> {
  const { roomId, roomNid } = event;
  const { filter } = request;
  const place = event.position ?? 0;
  const before = await collectEvents(
    deps,
    viewer,
    { roomId, filter, backwards: true, limit: request.before },
    { roomNid, after: BEGINNING, upTo: place - 1 },
  );
  const after = await collectEvents(
    deps,
    viewer,
    { roomId, filter, backwards: false, limit: request.after },
    { roomNid, after: place, upTo: request.last },
  );
  return {
    before: before.events,
    after: after.events,
    start: before.end ?? edgeOf(before, place) - 1,
    end: after.end ?? edgeOf(after, place),
  };
}

/** The position of the event that is farthest from the one in the middle. */
function edgeOf(found: FoundEvents, middle: number): number {
  return found.events.at(-1)?.position ?? middle;
}

/** With lazy loading only the members who sent the events. */
async function listContextState(
  deps: RenderDeps,
  events: readonly StoredEvent[],
  filter: RoomEventFilter,
): Promise<readonly StoredEvent[]> {
  const root = events.at(-1)?.stateAfter;
  if (root === undefined) return [];
  if (!filter.lazyLoadMembers) return listStateEvents(deps, stateAt(root));
  const senders = new Set(events.map((stored) => readableEvent(stored).event.sender));
  const all = await listStateEvents(deps, stateAt(root));
  const members = await findStateEvents(deps, stateAt(root), [...senders].map(memberSlot));
  const others = all.filter((stored) => readableEvent(stored).event.type !== 'm.room.member');
  return [...others, ...members.values()];
}
