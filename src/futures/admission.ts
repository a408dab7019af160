import { forbidden, limitExceeded } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { findRoomVersionRules, type RoomVersionRules } from '../matrix/room-version.ts';
import { countPendingFutures } from '../storage/futures.ts';
import { findMembership } from '../storage/memberships.ts';
import type { FutureDeps } from './future-deps.ts';

/** A room that a user may schedule events in. */
export interface AdmittedRoom {
  readonly roomNid: number;
  readonly rules: RoomVersionRules;
}

/**
 * Whether a user may schedule something in a room: membership is asked for now, power levels only when the future
 * resolves. Throws 403 M_FORBIDDEN for who is not joined, and 429 M_LIMIT_EXCEEDED for who has as many futures
 * pending as are allowed, with the time until the next one is due. Requests at the same moment do not see each other.
 */
export async function admitToRoom(
  deps: Pick<FutureDeps, 'db' | 'clock' | 'config'>,
  userNid: number,
  roomId: RoomId,
): Promise<AdmittedRoom> {
  if (deps.config.maxDelayedEvents === 0) throw forbidden('This server sends no events for later');
  const membership = await findMembership(deps.db, roomId, userNid);
  const rules = membership === undefined ? undefined : findRoomVersionRules(membership.roomVersion);
  if (membership?.membership !== 'join' || rules === undefined)
    throw forbidden('You are not in the room that the event is for');
  const { count, nextDeadlineTs } = await countPendingFutures(deps.db, userNid);
  if (count >= deps.config.maxDelayedEvents) {
    throw limitExceeded(
      `You have ${count} events scheduled, and ${deps.config.maxDelayedEvents} are allowed`,
      (nextDeadlineTs ?? 0) - deps.clock.nowMs(),
    );
  }
  return { roomNid: membership.roomNid, rules };
}
