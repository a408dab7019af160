import { notFound } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { JsonObject } from '../util/json.ts';
import { readableEvent, renderEvents, type RenderDeps, type Viewer } from './client-events.ts';
import { findStateEvent, listStateEvents } from './read-state.ts';
import { requireRoomAccess, stateSeenWith } from './room-access.ts';

/**
 * The state of a room as the viewer sees it: the current one for members, as of then for who has left. Throws
 * 403 M_FORBIDDEN. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstate
 */
export async function readRoomState(deps: RenderDeps, viewer: Viewer, roomId: RoomId): Promise<JsonObject[]> {
  const access = await requireRoomAccess(deps, roomId, viewer);
  return renderEvents(deps, await listStateEvents(deps, stateSeenWith(access)), viewer, { withRoomId: true });
}

/**
 * One piece of that state: its content, or the whole event. Throws 403 M_FORBIDDEN, and 404 M_NOT_FOUND where there is none.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey
 */
export async function readStatePiece(
  deps: RenderDeps,
  viewer: Viewer,
  piece: { readonly roomId: RoomId; readonly type: string; readonly stateKey: string },
  format: 'content' | 'event',
): Promise<JsonObject> {
  const access = await requireRoomAccess(deps, piece.roomId, viewer);
  const stored = await findStateEvent(deps, stateSeenWith(access), piece.type, piece.stateKey);
  if (stored === undefined)
    throw notFound(`The room has no ${piece.type} with the state key ${JSON.stringify(piece.stateKey)}.`);
  if (format === 'content') return readableEvent(stored).event.content;
  const [rendered = {}] = await renderEvents(deps, [stored], viewer, { withRoomId: true });
  return rendered;
}
