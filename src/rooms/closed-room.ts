import { forbidden, type MatrixError } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { findMembership } from '../storage/memberships.ts';

/**
 * 403 M_FORBIDDEN for a room that is not known here, and the very same for one of which the user must not even learn that
 * it is.
 */
export function closedRoom(): MatrixError {
  return forbidden('The room is not known here, or not open to you.');
}

/** Whether anybody may be told of a room with this join rule, as they can join or knock. */
export function isOpen(joinRule: unknown): boolean {
  return joinRule === 'public' || joinRule === 'knock' || joinRule === 'knock_restricted';
}

/** What to throw instead of `error`: {@link closedRoom} when the user was never in the room, so that nothing is learnt. */
export async function unlessStranger(
  deps: { readonly db: Db },
  roomId: RoomId,
  userNid: number,
  error: MatrixError,
): Promise<MatrixError> {
  return (await findMembership(deps.db, roomId, userNid)) === undefined ? closedRoom() : error;
}
