import { forbidden } from '../matrix/errors.ts';
import type { RoomId, UserId } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { findMembership } from '../storage/memberships.ts';

/** Somebody who types, reads or is there. */
export interface Participant {
  readonly userId: UserId;
  readonly userNid: number;
}

/** The interned id of a room that the user is in. Throws 403 M_FORBIDDEN for all others. */
export async function requireMember(db: Db, user: Participant, roomId: RoomId): Promise<number> {
  const membership = await findMembership(db, roomId, user.userNid);
  if (membership?.membership === 'join') return membership.roomNid;
  throw forbidden(`${user.userId} is not in the room.`);
}
