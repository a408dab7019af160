import type { RoomId, UserId } from '../matrix/identifiers.ts';
import { CREATE_SLOT, POWER_LEVELS_SLOT, powerLevelsOf } from '../matrix/power-levels.ts';
import { findMembership } from '../storage/memberships.ts';
import { readableEvent } from './client-events.ts';
import { currentStateOf, findStateEvents, type RoomReadDeps } from './read-state.ts';

/** Whether a user is in a room and has the power to set state of this type, as the room is now. */
export async function mayChangeState(
  deps: RoomReadDeps,
  user: { readonly userId: UserId; readonly userNid: number },
  room: { readonly roomId: RoomId; readonly roomNid: number },
  type: string,
): Promise<boolean> {
  const membership = await findMembership(deps.db, room.roomId, user.userNid);
  if (membership?.membership !== 'join') return false;
  const stored = await findStateEvents(deps, currentStateOf(room.roomNid), [CREATE_SLOT, POWER_LEVELS_SLOT]);
  const state = new Map([...stored].map(([slot, event]) => [slot, readableEvent(event)]));
  const rules = state.get(CREATE_SLOT)?.rules;
  if (rules === undefined) return false;
  const levels = powerLevelsOf((slot) => state.get(slot)?.event, rules);
  return levels.userLevel(user.userId) >= levels.requiredLevel(type, true);
}
