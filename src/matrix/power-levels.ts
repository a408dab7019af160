import { isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';
import type { AuthState } from './auth-rules/verdict.ts';
import { type MatrixEvent, stateSlot, type StateSlot } from './event.ts';
import type { UserId } from './identifiers.ts';
import type { RoomVersionRules } from './room-version.ts';

export const CREATE_SLOT: StateSlot = stateSlot('m.room.create', '');
export const POWER_LEVELS_SLOT: StateSlot = stateSlot('m.room.power_levels', '');
export const JOIN_RULES_SLOT: StateSlot = stateSlot('m.room.join_rules', '');

/**
 * Who may do what in a room, from m.room.power_levels and the create event, defaults filled in.
 * https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels
 */
export interface PowerLevels {
  /** Infinity for creators since v12; `users`, `users_default` or 0 for others; 100 for the creator of a room without power levels. */
  userLevel(userId: UserId): number;
  /** What it takes to send an event of this type: `events`, then `state_default` (50) or `events_default` (0). */
  requiredLevel(type: string, isState: boolean): number;
  /** What it takes to notify many at once, by key such as `room`: `notifications`, then 50. */
  notificationLevel(key: string): number;
  readonly ban: number;
  readonly kick: number;
  readonly redact: number;
  readonly invite: number;
}

/** The levels that hold in `state`. A value that the room version cannot read counts as absent. */
export function powerLevelsOf(state: AuthState, rules: RoomVersionRules): PowerLevels {
  const create = state(CREATE_SLOT);
  const event = state(POWER_LEVELS_SLOT);
  const content = event?.content ?? {};
  const levelAt = (holder: JsonValue | undefined, key: string, fallback: number): number =>
    readLevelAt(holder, key, rules) ?? fallback;

  return {
    userLevel: (userId) => {
      if (create !== undefined && rules.privilegedCreators && isCreator(create, userId, rules))
        return Infinity;
      if (event !== undefined) return levelAt(content['users'], userId, levelAt(content, 'users_default', 0));
      return create !== undefined && isCreator(create, userId, rules) ? 100 : 0;
    },
    requiredLevel: (type, isState) =>
      levelAt(
        content['events'],
        type,
        isState ? levelAt(content, 'state_default', 50) : levelAt(content, 'events_default', 0),
      ),
    notificationLevel: (key) => levelAt(content['notifications'], key, 50),
    ban: levelAt(content, 'ban', 50),
    kick: levelAt(content, 'kick', 50),
    redact: levelAt(content, 'redact', 50),
    invite: levelAt(content, 'invite', 0),
  };
}

/**
 * The creators of a room: `content.creator` up to v10, the sender of the create event since v11, and since v12
 * `content.additional_creators` as well.
 */
export function creatorsOf(create: MatrixEvent, rules: RoomVersionRules): readonly string[] {
  if (rules.creatorInContent) {
    const creator = create.content['creator'];
    return typeof creator === 'string' ? [creator] : [];
  }
  const additional = create.content['additional_creators'];
  if (!rules.privilegedCreators || !Array.isArray(additional)) return [create.sender];
  return [create.sender, ...additional.filter((id): id is string => typeof id === 'string')];
}

/** True when the user is one of {@link creatorsOf}. */
export function isCreator(create: MatrixEvent, userId: string, rules: RoomVersionRules): boolean {
  return creatorsOf(create, rules).includes(userId);
}

/**
 * One level as an event spells it; undefined when the room version does not accept it.
 * Since v10 only integers. Before: strings of digits with an optional sign and spaces around, and floats, cut at the point.
 * https://spec.matrix.org/v1.19/rooms/v1/#mroompower_levels-events-accept-values-as-strings
 */
export function readPowerLevel(value: JsonValue | undefined, rules: RoomVersionRules): number | undefined {
  if (typeof value === 'number') {
    if (Number.isInteger(value)) return value;
    return rules.integerPowerLevelsOnly || !Number.isFinite(value) ? undefined : Math.trunc(value);
  }
  if (rules.integerPowerLevelsOnly || typeof value !== 'string' || !/^\s*[+-]?\d+\s*$/.test(value))
    return undefined;
  const level = Number(value);
  return Number.isFinite(level) ? level : undefined;
}

/** The level that `holder` has under `key`; undefined when there is none that can be read. */
export function readLevelAt(
  holder: JsonValue | undefined,
  key: string,
  rules: RoomVersionRules,
): number | undefined {
  return isJsonObject(holder) && Object.hasOwn(holder, key) ? readPowerLevel(holder[key], rules) : undefined;
}

export type Membership = 'join' | 'invite' | 'leave' | 'ban' | 'knock';
const MEMBERSHIPS: ReadonlySet<unknown> = new Set<Membership>(['join', 'invite', 'leave', 'ban', 'knock']);

/** The membership in the content of an m.room.member event; undefined when it is none that Matrix knows. */
export function membershipIn(content: JsonObject): Membership | undefined {
  const membership = content['membership'];
  return isMembership(membership) ? membership : undefined;
}

/** The user's membership in `state`; undefined for a user who was never in the room. */
export function membershipOf(state: AuthState, userId: UserId): Membership | undefined {
  const event = state(memberSlot(userId));
  return event === undefined ? undefined : membershipIn(event.content);
}

/** The slot of a user's m.room.member event. */
export function memberSlot(userId: string): StateSlot {
  return stateSlot('m.room.member', userId);
}

function isMembership(value: unknown): value is Membership {
  return MEMBERSHIPS.has(value);
}
