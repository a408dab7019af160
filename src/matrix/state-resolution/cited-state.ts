import { findCreateEventId } from '../auth-events.ts';
import type { AuthState } from '../auth-rules/verdict.ts';
import { type MatrixEvent, stateSlot, type StateSlot } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import type { RoomVersionRules } from '../room-version.ts';
import type { EventLookup } from './event-lookup.ts';

/**
 * The state that an event cites in auth_events, without those that `isLeftOut` names; since v12 with the create event
 * that the room id names.
 */
export function citedState(
  event: MatrixEvent,
  lookup: EventLookup,
  rules: RoomVersionRules,
  isLeftOut: (id: EventId) => boolean,
): AuthState {
  const cited = new Map<StateSlot, MatrixEvent>();
  const createId = rules.roomIdIsCreateHash ? findCreateEventId(event.roomId) : undefined;
  const ids = createId === undefined ? event.authEvents : [...event.authEvents, createId];
  for (const id of ids) {
    const { type, stateKey } = lookup.get(id);
    if (stateKey !== undefined && !isLeftOut(id)) cited.set(stateSlot(type, stateKey), lookup.get(id));
  }
  return (slot) => cited.get(slot);
}
