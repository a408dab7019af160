import { notFound } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { listEventsNearTime, type StoredEvent } from '../storage/events.ts';
import { readableEvent, type Viewer } from './client-events.ts';
import type { RoomReadDeps } from './read-state.ts';
import { requireRoomAccess } from './room-access.ts';
import { filterVisible } from './visibility.ts';

/** The moment from which to look, in milliseconds since the epoch, and which way. */
export interface TimeRequest {
  readonly roomId: RoomId;
  readonly ts: number;
  readonly backwards: boolean;
}

const EVENTS_AT_ONCE = 50;
const MOST_LOOKED_AT = 1_000;

/**
 * The event whose `origin_server_ts` comes closest to a moment, at it or beyond, among those that the viewer may see.
 * Throws 404 M_NOT_FOUND when there is none, 403 M_FORBIDDEN for who may not look into the room.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event
 */
export async function findEventByTime(
  deps: RoomReadDeps,
  viewer: Pick<Viewer, 'userId' | 'userNid'>,
  request: TimeRequest,
): Promise<{ readonly stored: StoredEvent; readonly originServerTs: number }> {
  const { roomNid } = await requireRoomAccess(deps, request.roomId, viewer);
  for (let offset = 0; offset < MOST_LOOKED_AT; offset += EVENTS_AT_ONCE) {
    const events = await listEventsNearTime(deps.db, {
      roomNid,
      ts: request.ts,
      backwards: request.backwards,
      offset,
      limit: EVENTS_AT_ONCE,
    });
    const [nearest] = await filterVisible(deps, events, viewer);
    if (nearest !== undefined)
      return { stored: nearest, originServerTs: readableEvent(nearest).event.originServerTs };
    if (events.length < EVENTS_AT_ONCE) break;
  }
  throw notFound(`No event ${request.backwards ? 'before' : 'after'} ${request.ts} that you may see.`);
}
