import { stateSlot } from '../matrix/event.ts';
import type { RoomAlias, UserId } from '../matrix/identifiers.ts';
import type { RoomVersionRules } from '../matrix/room-version.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';
import type { ClientEventInput } from './client-intent.ts';
import { creatorsOfContent, mergeCreators } from './creators.ts';

export type RoomPreset = 'private_chat' | 'trusted_private_chat' | 'public_chat';

/** A state event that the maker of a room asks for. */
export interface InitialStateEvent {
  readonly type: string;
  readonly stateKey: string;
  readonly content: JsonObject;
}

/** A room as its maker describes it. */
export interface RoomDescription {
  readonly preset: RoomPreset;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  readonly alias: RoomAlias | undefined;
  readonly invitees: readonly UserId[];
  readonly creationContent: JsonObject;
  readonly initialState: readonly InitialStateEvent[];
  readonly powerLevelOverride: JsonObject;
}

/** What is not in the description, and goes into the events all the same. */
export interface RoomSurroundings {
  readonly rules: RoomVersionRules;
  readonly creator: UserId;
  readonly creatorProfile: JsonObject;
  /** The content of the invite of each invitee who is to be invited. */
  readonly inviteContents: ReadonlyMap<UserId, JsonObject>;
  /** Differs with every room: a room id that is a hash must not depend on the millisecond alone. */
  readonly entropy: string;
}

const CREATOR_LEVEL = 100;

/**
 * The events that make a room, in the order of the specification: create, the creator's join, power levels, canonical
 * alias, preset, initial state, name and topic, invites.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
 */
export function listInitialEvents(
  room: RoomDescription,
  around: RoomSurroundings,
): readonly ClientEventInput[] {
  const { creator } = around;
  const named = namedState(room);
  const wished = room.initialState.filter((event) => !overridesOne(named, event));
  const trusted = room.preset === 'trusted_private_chat' ? room.invitees : [];
  const create = createContent(room.creationContent, trusted, around);
  return [
    state('m.room.create', create),
    state('m.room.member', { ...around.creatorProfile, membership: 'join' }, creator),
    state('m.room.power_levels', powerLevels(room, around, create)),
    ...(room.alias === undefined ? [] : [state('m.room.canonical_alias', { alias: room.alias })]),
    ...presetState(room.preset).filter((event) => !overridesOne([...wished, ...named], event)),
    ...wished,
    ...named,
    ...[...around.inviteContents].map(([invitee, content]) => state('m.room.member', content, invitee)),
  ];
}

function state(type: string, content: JsonObject, stateKey = ''): ClientEventInput & InitialStateEvent {
  return { type, stateKey, content };
}

/** Whether one of `events` sets the slot of `event` anyway. */
function overridesOne(events: readonly InitialStateEvent[], event: InitialStateEvent): boolean {
  const slot = stateSlot(event.type, event.stateKey);
  return events.some((other) => stateSlot(other.type, other.stateKey) === slot);
}

/** The content of a create event: what its maker wishes for, and what the room version asks for. */
export function createContent(
  wishes: JsonObject,
  trusted: readonly UserId[],
  around: Pick<RoomSurroundings, 'rules' | 'creator' | 'entropy'>,
): JsonObject {
  const { rules, creator } = around;
  const { creator: _, room_version: __, ...wished } = wishes;
  const additional = mergeCreators(wishes['additional_creators'], trusted, creator);
  return {
    ...wished,
    ...(rules.creatorInContent ? { creator } : {}),
    ...(rules.privilegedCreators && additional !== undefined ? { additional_creators: additional } : {}),
    ...(rules.roomIdIsCreateHash ? { 'morrow.entropy': around.entropy } : {}),
    room_version: rules.version,
  };
}

/**
 * The default levels with the maker's on top. Since v12 creators need none, and upgrading, which they would lose their
 * power by, asks for more than any level that state events ask for.
 */
function powerLevels(room: RoomDescription, around: RoomSurroundings, create: JsonObject): JsonObject {
  const { rules, creator } = around;
  const trusted = room.preset === 'trusted_private_chat' ? room.invitees : [];
  const creators = new Set(rules.privilegedCreators ? creatorsOfContent(creator, create) : []);
  const users = [creator, ...trusted].filter((userId) => !creators.has(userId));
  const levels: JsonObject = {
    users: Object.fromEntries(users.map((userId) => [userId, CREATOR_LEVEL])),
    users_default: 0,
    events: {
      'm.room.name': 50,
      'm.room.avatar': 50,
      'm.room.canonical_alias': 50,
      'm.room.power_levels': 100,
      'm.room.history_visibility': 100,
      'm.room.server_acl': 100,
      'm.room.encryption': 100,
      'm.room.tombstone': 100,
    },
    events_default: 0,
    state_default: 50,
    ban: 50,
    kick: 50,
    redact: 50,
    // Rooms by invitation live from members who invite.
    invite: room.preset === 'public_chat' ? 50 : 0,
    ...room.powerLevelOverride,
  };
  return rules.privilegedCreators ? withTombstoneLevel(levels, room.powerLevelOverride) : levels;
}

function withTombstoneLevel(levels: JsonObject, override: JsonObject): JsonObject {
  const events = isJsonObject(levels['events']) ? levels['events'] : {};
  const wished = isJsonObject(override['events']) ? override['events']['m.room.tombstone'] : undefined;
  const stateDefault = levels['state_default'];
  return { ...levels, events: { ...events, 'm.room.tombstone': wished ?? tombstoneLevel(stateDefault) } };
}

/** More than any state takes, and so more than anyone has whom a creator has not made their equal. */
export function tombstoneLevel(stateDefault: JsonValue | undefined): number {
  return Math.max(150, typeof stateDefault === 'number' ? stateDefault + 1 : 0);
}

function presetState(preset: RoomPreset): readonly InitialStateEvent[] {
  const isPublic = preset === 'public_chat';
  return [
    state('m.room.join_rules', { join_rule: isPublic ? 'public' : 'invite' }),
    state('m.room.history_visibility', { history_visibility: 'shared' }),
    state('m.room.guest_access', { guest_access: isPublic ? 'forbidden' : 'can_join' }),
  ];
}

function namedState({ name, topic }: RoomDescription): readonly InitialStateEvent[] {
  return [
    ...(name === undefined ? [] : [state('m.room.name', { name })]),
    ...(topic === undefined ? [] : [state('m.room.topic', { topic, 'm.topic': plainText(topic) })]),
  ];
}

function plainText(body: string): JsonObject {
  return { 'm.text': [{ body, mimetype: 'text/plain' }] };
}
