import { parseRoomEventFilter } from '../matrix/filters.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { renderWithBundles } from '../rooms/bundles.ts';
import { renderEvents, type Viewer } from '../rooms/client-events.ts';
import { listStateEvents } from '../rooms/read-state.ts';
import { BEGINNING, collectEvents, type TimelineReadDeps } from '../rooms/read-timeline.ts';
import { lastPositionSeenWith, requireRoomAccess, stateSeenWith } from '../rooms/room-access.ts';
import { listAccountData } from '../storage/account-data.ts';
import { isPublished } from '../storage/directory.ts';
import { findMembership } from '../storage/memberships.ts';
import { formatStreamToken } from '../storage/stream-token.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import type { SyncFeed } from './sync-feed.ts';

export interface PeekDeps extends TimelineReadDeps {
  readonly syncFeed: SyncFeed;
}

const NO_FILTER = parseRoomEventFilter({});
const MOST_EVENTS = 100;
const LONGEST_WAIT_MS = 10 * 60_000;

/**
 * A room as it is now, with its last few events, for members, for who has left and where the world can read. Throws
 * 403 M_FORBIDDEN. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidinitialsync
 */
export async function readRoomOnce(
  deps: PeekDeps,
  viewer: Viewer,
  roomId: RoomId,
  limit: number,
): Promise<JsonObject> {
  const access = await requireRoomAccess(deps, roomId, viewer);
  const { roomNid } = access;
  const upTo = Math.min(await deps.syncFeed.catchUp(), lastPositionSeenWith(access));
  const { events, end } = await collectEvents(
    deps,
    viewer,
    { roomId, filter: NO_FILTER, backwards: true, limit },
    { roomNid, after: BEGINNING, upTo },
  );
  const membership = await findMembership(deps.db, roomId, viewer.userNid);
  const state = await listStateEvents(deps, stateSeenWith(access));
  return {
    room_id: roomId,
    ...(membership === undefined ? {} : { membership: membership.membership }),
    messages: {
      ...(end === undefined ? {} : { start: formatStreamToken(end) }),
      end: formatStreamToken(upTo),
      chunk: await renderWithBundles(deps, events.toReversed(), viewer, { withRoomId: true }),
    },
    state: await renderEvents(deps, state, viewer, { withRoomId: true }),
    visibility: (await isPublished(deps.db, roomNid)) ? 'public' : 'private',
    account_data: await readAccountData(deps, viewer, roomNid, upTo),
  };
}

async function readAccountData(
  deps: PeekDeps,
  viewer: Viewer,
  roomNid: number,
  upTo: number,
): Promise<JsonObject[]> {
  const all = await listAccountData(deps.db, viewer.userNid, undefined, upTo);
  return all
    .filter((datum) => datum.roomNid === roomNid)
    .map(({ type, content }) => {
      const parsed: unknown = JSON.parse(content);
      return { type, content: isJsonObject(parsed) ? parsed : {} };
    });
}

/** What a client that looks into a room waits for. */
export interface PeekRequest {
  readonly roomId: RoomId;
  /** The position of a token; undefined to wait for what comes from now on. */
  readonly from: number | undefined;
  readonly timeoutMs: number;
}

/**
 * The events of a room after a position, at most a hundred; waits for one where there is none. Who may look into the room
 * is judged anew each time. Throws 403 M_FORBIDDEN. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events_1
 */
export async function peek(
  deps: PeekDeps,
  viewer: Viewer,
  request: PeekRequest,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { roomId } = request;
  const untilMs = deps.clock.nowMs() + Math.min(Math.max(request.timeoutMs, 0), LONGEST_WAIT_MS);
  using waiter = deps.syncFeed.waiters.register(viewer.userNid);
  let from = request.from;
  for (;;) {
    const access = await requireRoomAccess(deps, roomId, viewer);
    waiter.watch([access.roomNid]);
    const newest = await deps.syncFeed.catchUp();
    waiter.hasRead(newest);
    from ??= newest;
    const { events, end } = await collectEvents(
      deps,
      viewer,
      { roomId, filter: NO_FILTER, backwards: false, limit: MOST_EVENTS },
      { roomNid: access.roomNid, after: from, upTo: Math.min(newest, lastPositionSeenWith(access)) },
    );
    const isOver = events.length > 0 || (await waiter.next(untilMs, signal)) !== 'woken';
    if (!isOver) continue;
    return {
      start: formatStreamToken(from),
      end: formatStreamToken(end ?? Math.max(from, newest)),
      chunk: await renderWithBundles(deps, events, viewer, { withRoomId: true }),
    };
  }
}
