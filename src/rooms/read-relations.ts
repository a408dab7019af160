import { parseRoomEventFilter } from '../matrix/filters.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { listChildren, listThreadRoots } from '../storage/relations.ts';
import type { JsonObject } from '../util/json.ts';
import { renderWithBundles, type BundleDeps } from './bundles.ts';
import type { Viewer } from './client-events.ts';
import { getVisibleEvent } from './read-context.ts';
import { BEGINNING, collectEvents } from './read-timeline.ts';
import { lastPositionSeenWith, requireRoomAccess } from './room-access.ts';
import { filterVisible } from './visibility.ts';

/** So many relations may lie between an event and what recursion finds. */
export const RECURSION_DEPTH = 3;

/** Which children of an event a client asks for; positions are those of tokens. */
export interface RelationsRequest {
  readonly roomId: RoomId;
  readonly eventId: EventId;
  readonly relType: string | undefined;
  readonly eventType: string | undefined;
  readonly backwards: boolean;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly limit: number;
  /** Whether children of children count, {@link RECURSION_DEPTH} deep. */
  readonly recurse: boolean;
}

/** A part of a list of events; `end` says where the next one starts, if there is one. */
export interface EventList {
  readonly chunk: readonly JsonObject[];
  readonly end: number | undefined;
}

/**
 * The children of an event as far as the viewer may see them. Throws 404 M_NOT_FOUND for events that the viewer may not
 * see. https://spec.matrix.org/v1.19/client-server-api/#relationships-api
 */
export async function readRelations(
  deps: BundleDeps,
  viewer: Viewer,
  request: RelationsRequest,
): Promise<EventList> {
  const { roomId, eventId, backwards, from, to, limit } = request;
  const parent = await getVisibleEvent(deps, viewer, roomId, eventId);
  const last = lastPositionSeenWith(await requireRoomAccess(deps, roomId, viewer));
  const range = backwards
    ? { after: to ?? BEGINNING, upTo: Math.min(from ?? last, last) }
    : { after: from ?? BEGINNING, upTo: Math.min(to ?? last, last) };
  const wanted = {
    parentId: eventId,
    relType: request.relType,
    type: request.eventType,
    depth: request.recurse ? RECURSION_DEPTH : 1,
  };
  const { events, end } = await collectEvents(
    deps,
    viewer,
    { roomId, backwards, limit, filter: parseRoomEventFilter({}) },
    { roomNid: parent.roomNid, ...range },
    (db, stretch) => listChildren(db, stretch, wanted),
  );
  return { chunk: await renderWithBundles(deps, events, viewer, { withRoomId: true }), end };
}

/** Which threads of a room a client asks for. */
export interface ThreadsRequest {
  readonly roomId: RoomId;
  readonly onlyParticipated: boolean;
  readonly from: number | undefined;
  readonly limit: number;
}

/**
 * The events that threads start at, the thread with the latest reply first. Throws 403 M_FORBIDDEN for who may not look
 * into the room. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidthreads
 */
export async function readThreads(
  deps: BundleDeps,
  viewer: Viewer,
  request: ThreadsRequest,
): Promise<EventList> {
  const access = await requireRoomAccess(deps, request.roomId, viewer);
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  const lastReply = lastPositionSeenWith(access);
  const found = await listThreadRoots(
    deps.db,
    {
      roomNid: access.roomNid,
      lastReply,
      upTo: request.from ?? lastReply,
      limit: request.limit + 1,
      onlyParticipated: request.onlyParticipated,
    },
    { userNid: viewer.userNid, ignored: [...ignored] },
  );
  const threads = found.slice(0, request.limit);
  const nids = threads.map((thread) => thread.rootNid);
  const loaded = await filterVisible(deps, await listEventsByNid(deps.db, nids), viewer);
  const roots = loaded
    .toSorted((a, b) => nids.indexOf(a.eventNid) - nids.indexOf(b.eventNid))
    .map((root) => (ignored.has(root.senderNid) ? hidden(root) : root));
  return {
    chunk: await renderWithBundles(deps, roots, viewer, { withRoomId: true }),
    end: found[request.limit]?.lastReply,
  };
}

/** No event has this id. */
const NO_REDACTION = 0;

/** A root of somebody whom the viewer ignores, as redaction would leave it. */
function hidden(root: StoredEvent): StoredEvent {
  return { ...root, redactedByNid: root.redactedByNid ?? NO_REDACTION };
}
