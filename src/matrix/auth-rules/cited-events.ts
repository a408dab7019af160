import { authEventSlots, findCreateEventId } from '../auth-events.ts';
import { type MatrixEvent, splitStateSlot, stateSlot, type StateSlot } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import { CREATE_SLOT } from '../power-levels.ts';
import type { RoomVersionRules } from '../room-version.ts';
import { ALLOWED, type AuthVerdict, refuse } from './verdict.ts';

/**
 * The rule on auth_events themselves, needed once per event: of the same room, no slot twice, only slots that the
 * selection names, none rejected, and the room's create event there (before v12) or accepted (since v12).
 * `authEvents` are the events that `event.authEvents` names, all of them.
 * https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules, rules 2 and 3
 */
export function checkAuthEvents(
  event: MatrixEvent,
  authEvents: readonly MatrixEvent[],
  isRejected: (id: EventId) => boolean,
  rules: RoomVersionRules,
): AuthVerdict {
  // 1.5 A create event that passed rule 1 is allowed whatever it cites.
  if (event.type === 'm.room.create') return ALLOWED;

  // 2. Since v12: the room id names a create event that was not rejected.
  if (rules.roomIdIsCreateHash) {
    const createId = findCreateEventId(event.roomId);
    if (createId === undefined) return refuse(`room id ${event.roomId} names no create event`);
    if (isRejected(createId)) return refuse(`the create event ${createId} of the room was rejected`);
  }

  const selected = new Set(authEventSlots(event, rules));
  const seen = new Set<StateSlot>();
  for (const cited of authEvents) {
    // 3.5 Power gained in another room counts for nothing in this one.
    if (cited.roomId !== event.roomId) {
      return refuse(`auth event ${cited.eventId} is of room ${cited.roomId}, not of ${event.roomId}`);
    }
    if (cited.stateKey === undefined) return refuse(`auth event ${cited.eventId} is not a state event`);
    const slot = stateSlot(cited.type, cited.stateKey);

    // 3.1 One event per type and state key.
    if (seen.has(slot)) return refuse(`auth_events name ${slotInWords(slot)} twice`);
    seen.add(slot);

    // 3.2 Only what the selection names; since v12 that leaves out m.room.create.
    if (!selected.has(slot)) {
      return refuse(
        `auth event ${cited.eventId} is for ${slotInWords(slot)}, which ${event.type} must not cite`,
      );
    }

    // 3.3 Nothing is built on a rejected event.
    if (isRejected(cited.eventId)) return refuse(`auth event ${cited.eventId} was rejected`);
  }

  // v1–v11: the create event is among them.
  if (!rules.roomIdIsCreateHash && !seen.has(CREATE_SLOT))
    return refuse('auth_events do not name m.room.create');
  return ALLOWED;
}

function slotInWords(slot: StateSlot): string {
  const { type, stateKey } = splitStateSlot(slot);
  return stateKey === '' ? type : `${type} of ${stateKey}`;
}
