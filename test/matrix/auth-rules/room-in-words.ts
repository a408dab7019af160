import { checkAuthRules } from '../../../src/matrix/auth-rules/auth-rules.ts';
import type { AuthState, AuthVerdict } from '../../../src/matrix/auth-rules/verdict.ts';
import type { MatrixEvent, StateSlot } from '../../../src/matrix/event.ts';
import { stateSlot } from '../../../src/matrix/event.ts';
import {
  type EventId,
  parseEventId,
  parseRoomId,
  parseUserId,
  type RoomId,
  type UserId,
} from '../../../src/matrix/identifiers.ts';
import { getRoomVersionRules, type RoomVersion, ROOM_VERSIONS } from '../../../src/matrix/room-version.ts';
import type { JsonObject } from '../../../src/util/json.ts';

/** An event in a few words; the rest is filled in by {@link buildEvent}. */
export interface EventInWords {
  readonly type: string;
  readonly sender: string;
  readonly stateKey?: string;
  readonly content: JsonObject;
  readonly prevEvents?: readonly string[];
  readonly authEvents?: readonly string[];
  readonly eventId?: string;
  readonly roomId?: string;
  readonly redacts?: string;
  readonly ts?: number;
  readonly depth?: number;
  /** Keys on the wire that the event's own fields do not show. */
  readonly pdu?: JsonObject;
}

/** A room's state: `@alice:home` created it and is joined; `members` are joined beside her unless it says otherwise. */
export interface RoomInWords {
  readonly create?: JsonObject;
  readonly createdBy?: string;
  /** None: no m.room.power_levels at all. Its `users` has no entry that is not written here. */
  readonly levels?: JsonObject;
  /** None: no m.room.join_rules at all. */
  readonly joinRule?: string;
  readonly members?: Readonly<Record<string, string>>;
  /** More state, or state instead. */
  readonly also?: readonly EventInWords[];
  /** Slots that are taken out again, such as `m.room.create`. */
  readonly without?: readonly string[];
}

export const ALICE = '@alice:home';
export const BOB = '@bob:home';
export const CAROL = '@carol:home';
/** A user of another server. */
export const ZOE = '@zoe:away';

const OLD_ROOM_ID = '!room:home';
const HASH_ROOM_ID = '!aCreateEventsHash';

export const says = (sender: string, type = 'm.room.message', content: JsonObject = {}): EventInWords => ({
  type,
  sender,
  content,
});

export const sets = (
  sender: string,
  type: string,
  content: JsonObject = {},
  stateKey = '',
): EventInWords => ({
  type,
  sender,
  content,
  stateKey,
});

export const member = (
  sender: string,
  target: string,
  membership: string,
  more: JsonObject = {},
): EventInWords => sets(sender, 'm.room.member', { membership, ...more }, target);

export const joins = (user: string, more: JsonObject = {}): EventInWords => member(user, user, 'join', more);
export const leaves = (user: string): EventInWords => member(user, user, 'leave');
export const knocks = (user: string): EventInWords => member(user, user, 'knock');
export const setsLevels = (sender: string, content: JsonObject): EventInWords =>
  sets(sender, 'm.room.power_levels', content);

/** The id of the create event that {@link buildState} makes for a room of this version. */
export function createIdOf(version: RoomVersion): string {
  return isHashRoom(version) ? `$${HASH_ROOM_ID.slice(1)}` : '$create:home';
}

/** Builds an event as the parser of PDUs would, for a room of this version. */
export function buildEvent(words: EventInWords, version: RoomVersion, eventId = '$event:home'): MatrixEvent {
  const { type, content } = words;
  const depth = words.depth ?? 10;
  const originServerTs = words.ts ?? 0;
  const prevEvents = (words.prevEvents ?? []).map(toEventId);
  const authEvents = (words.authEvents ?? []).map(toEventId);
  return {
    eventId: toEventId(words.eventId ?? eventId),
    roomId: toRoomId(words.roomId ?? (isHashRoom(version) ? HASH_ROOM_ID : OLD_ROOM_ID)),
    type,
    sender: toUserId(words.sender),
    stateKey: words.stateKey,
    content,
    depth,
    originServerTs,
    prevEvents,
    authEvents,
    redacts: words.redacts === undefined ? undefined : toEventId(words.redacts),
    stickyDurationMs: undefined,
    pdu: {
      type,
      sender: words.sender,
      content,
      depth,
      origin_server_ts: originServerTs,
      prev_events: prevEvents,
      auth_events: authEvents,
      ...words.pdu,
    },
  };
}

/** The state that a room in words has in this version. */
export function buildState(room: RoomInWords, version: RoomVersion): ReadonlyMap<StateSlot, MatrixEvent> {
  const creator = room.createdBy ?? ALICE;
  const rules = getRoomVersionRules(version);
  const createContent = {
    room_version: version,
    ...(rules.creatorInContent ? { creator } : {}),
    ...room.create,
  };
  const words: EventInWords[] = [
    { ...sets(creator, 'm.room.create', createContent), eventId: createIdOf(version) },
    joins(creator),
  ];
  if (room.levels !== undefined) words.push(setsLevels(creator, room.levels));
  if (room.joinRule !== undefined)
    words.push(sets(creator, 'm.room.join_rules', { join_rule: room.joinRule }));
  for (const [user, membership] of Object.entries(room.members ?? {}))
    words.push(member(user, user, membership));
  words.push(...(room.also ?? []));

  const state = new Map<StateSlot, MatrixEvent>();
  for (const [index, event] of words.entries()) {
    state.set(stateSlot(event.type, event.stateKey ?? ''), buildEvent(event, version, `$state${index}:home`));
  }
  for (const type of room.without ?? []) state.delete(stateSlot(type, ''));
  return state;
}

/** What the rules of this version say of the event in the room. */
export function judge(event: EventInWords, room: RoomInWords, version: RoomVersion): AuthVerdict {
  const state = buildState(room, version);
  const find: AuthState = (slot) => state.get(slot);
  return checkAuthRules(buildEvent(event, version), find, getRoomVersionRules(version));
}

/** The versions of a range such as `7–9`, `12` or `all`, several joined by commas. */
export function versionsIn(range: string): readonly RoomVersion[] {
  if (range === 'all') return ROOM_VERSIONS;
  return range.split(',').flatMap((part) => {
    const [from, to = from] = part.split('-').map(Number);
    return ROOM_VERSIONS.filter(
      (version) => Number(version) >= Number(from) && Number(version) <= Number(to),
    );
  });
}

function isHashRoom(version: RoomVersion): boolean {
  return getRoomVersionRules(version).roomIdIsCreateHash;
}

export function toEventId(text: string): EventId {
  return known(parseEventId(text), text);
}

export function toUserId(text: string): UserId {
  return known(parseUserId(text), text);
}

function toRoomId(text: string): RoomId {
  return known(parseRoomId(text), text);
}

function known<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new Error(`${text} is not a good identifier for a test`);
  return value;
}
