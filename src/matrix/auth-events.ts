import { isJsonObject, type JsonObject } from '../util/json.ts';
import { stateSlot, type StateSlot } from './event.ts';
import { type EventId, parseEventId, type RoomId, type UserId } from './identifiers.ts';
import { CREATE_SLOT, JOIN_RULES_SLOT, memberSlot, POWER_LEVELS_SLOT } from './power-levels.ts';
import type { RoomVersionRules } from './room-version.ts';

/** What the selection looks at: an event, or one still to be built. */
export interface AuthEventsSubject {
  readonly type: string;
  readonly sender: UserId;
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
}

/**
 * The slots whose state an event must cite in auth_events, where the room has state in them; none twice.
 * Empty for m.room.create. Since v12 without m.room.create, which the room id names already.
 * https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection
 */
export function authEventSlots(event: AuthEventsSubject, rules: RoomVersionRules): readonly StateSlot[] {
  if (event.type === 'm.room.create') return [];
  const slots = new Set<StateSlot>();
  if (!rules.roomIdIsCreateHash) slots.add(CREATE_SLOT);
  slots.add(POWER_LEVELS_SLOT);
  slots.add(memberSlot(event.sender));
  if (event.type === 'm.room.member') addMemberSlots(slots, event, rules);
  return [...slots];
}

/**
 * Since v12: the id of the event that created the room, which is the room id with the other sigil.
 * https://spec.matrix.org/v1.19/rooms/v12/#room-ids
 */
export function findCreateEventId(roomId: RoomId): EventId | undefined {
  return parseEventId(`$${roomId.slice(1)}`);
}

function addMemberSlots(slots: Set<StateSlot>, event: AuthEventsSubject, rules: RoomVersionRules): void {
  const { membership } = event.content;
  if (event.stateKey !== undefined) slots.add(memberSlot(event.stateKey));
  if (membership === 'join' || membership === 'invite' || membership === 'knock') slots.add(JOIN_RULES_SLOT);
  if (membership === 'invite') {
    const token = thirdPartyInviteToken(event.content);
    if (token !== undefined) slots.add(stateSlot('m.room.third_party_invite', token));
  }
  // Since v8.
  const authoriser = event.content['join_authorised_via_users_server'];
  if (membership === 'join' && rules.restrictedJoins && typeof authoriser === 'string') {
    slots.add(memberSlot(authoriser));
  }
}

function thirdPartyInviteToken(content: JsonObject): string | undefined {
  const invite = content['third_party_invite'];
  const signed = isJsonObject(invite) ? invite['signed'] : undefined;
  const token = isJsonObject(signed) ? signed['token'] : undefined;
  return typeof token === 'string' ? token : undefined;
}
