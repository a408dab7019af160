import type { RoomId, UserId } from '../matrix/identifiers.ts';
import { readLevelAt, readPowerLevel } from '../matrix/power-levels.ts';
import type { RoomVersionRules } from '../matrix/room-version.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';
import type { ClientEventInput } from './client-intent.ts';
import { creatorsOfContent } from './creators.ts';
import type { ReadableEvent } from './client-events.ts';
import { createContent, tombstoneLevel } from './initial-events.ts';

/** A room that is to be replaced. */
export interface OldRoom {
  readonly roomId: RoomId;
  readonly rules: RoomVersionRules;
  readonly state: readonly ReadableEvent[];
  /** The newest event of the room. */
  readonly lastEventId: string | undefined;
  /** Those of its aliases that will lead to the new room. */
  readonly aliases: readonly string[];
}

/** The room that replaces it. */
export interface NewRoom {
  readonly rules: RoomVersionRules;
  readonly creator: UserId;
  readonly creatorProfile: JsonObject;
  readonly additionalCreators: readonly UserId[];
  readonly entropy: string;
}

/** State that moves along; of members only bans do, and what names events of the old room makes no sense in the new one. */
const COPIED: ReadonlySet<string> = new Set([
  'm.room.server_acl',
  'm.room.encryption',
  'm.room.name',
  'm.room.avatar',
  'm.room.topic',
  'm.room.guest_access',
  'm.room.history_visibility',
  'm.room.join_rules',
  'm.room.canonical_alias',
  'm.room.policy',
  'm.room.image_pack',
  'm.space.child',
]);

/**
 * The events that the new room begins with. Power levels come last: until then the creator may do anything, whatever
 * their level was. https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-15
 */
export function listUpgradedEvents(old: OldRoom, room: NewRoom): ClientEventInput[] {
  const create = createContentOf(old, room);
  const copied = old.state.flatMap(({ event }): ClientEventInput[] => {
    const { type, stateKey } = event;
    if (stateKey === undefined || !COPIED.has(type)) return [];
    const content = adapt(type, event.content, old, room);
    return content === undefined ? [] : [{ type, stateKey, content }];
  });
  const creators = creatorsOfContent(room.creator, create);
  const bans = old.state.flatMap(({ event }): ClientEventInput[] => {
    const { type, stateKey, content } = event;
    const isBan = type === 'm.room.member' && content['membership'] === 'ban';
    // Nobody can ban a creator where they are beyond levels, and who upgrades is in the new room.
    return stateKey === undefined || !isBan || creators.includes(stateKey)
      ? []
      : [{ type, stateKey, content }];
  });
  const join = { ...room.creatorProfile, membership: 'join' };
  return [
    { type: 'm.room.create', stateKey: '', content: create },
    { type: 'm.room.member', stateKey: room.creator, content: join },
    ...copied,
    ...bans,
    { type: 'm.room.power_levels', stateKey: '', content: upgradeLevels(old, room, create) },
  ];
}

function contentOf(old: OldRoom, type: string): JsonObject {
  return old.state.find(({ event }) => event.type === type && event.stateKey === '')?.event.content ?? {};
}

function createContentOf(old: OldRoom, room: NewRoom): JsonObject {
  const before = contentOf(old, 'm.room.create');
  const withEvent = !room.rules.roomIdIsCreateHash && old.lastEventId !== undefined;
  const wishes = {
    ...(before['type'] === undefined ? {} : { type: before['type'] }),
    ...(before['m.federate'] === undefined ? {} : { 'm.federate': before['m.federate'] }),
    predecessor: { room_id: old.roomId, ...(withEvent ? { event_id: old.lastEventId } : {}) },
  };
  return createContent(wishes, room.additionalCreators, room);
}

/** undefined for what there is nothing of to copy. */
function adapt(type: string, content: JsonObject, old: OldRoom, room: NewRoom): JsonObject | undefined {
  if (type === 'm.room.join_rules') return adaptJoinRules(content, room.rules);
  if (type === 'm.room.canonical_alias') return pickAliases(content, (alias) => old.aliases.includes(alias));
  // Without `via` the child was removed.
  if (type === 'm.space.child') return isJsonArray(content['via']) ? content : undefined;
  return Object.keys(content).length === 0 ? undefined : content;
}

/** A rule that the version does not know would let nobody in; by invitation is what comes closest. */
function adaptJoinRules(content: JsonObject, rules: RoomVersionRules): JsonObject {
  const rule = content['join_rule'];
  const isKnown =
    (rule !== 'knock' || rules.knocking) &&
    (rule !== 'restricted' || rules.restrictedJoins) &&
    (rule !== 'knock_restricted' || rules.knockRestrictedJoins);
  return isKnown ? content : { join_rule: 'invite' };
}

/** An m.room.canonical_alias with some of its aliases only; undefined when none is left. */
export function pickAliases(
  content: JsonObject,
  isWanted: (alias: string) => boolean,
): JsonObject | undefined {
  const { alias, alt_aliases: alternatives } = content;
  const isKept = (value: JsonValue | undefined): boolean => typeof value === 'string' && isWanted(value);
  const others = isJsonArray(alternatives) ? alternatives.filter(isKept) : [];
  if (!isKept(alias) && others.length === 0) return undefined;
  return { ...(isKept(alias) ? { alias } : {}), ...(others.length === 0 ? {} : { alt_aliases: others }) };
}

const MAPS_OF_LEVELS: readonly string[] = ['users', 'events', 'notifications'];

/**
 * The power levels of the old room, in numbers where they were written otherwise. Where creators are beyond levels, none
 * of them has one, and replacing the room takes more than others have; where they are not, who was beyond levels
 * before gets one.
 */
function upgradeLevels(old: OldRoom, room: NewRoom, create: JsonObject): JsonObject {
  const levels = readLevels(contentOf(old, 'm.room.power_levels'), old.rules);
  const users = isJsonObject(levels['users']) ? levels['users'] : {};
  if (!room.rules.privilegedCreators) {
    const level = old.rules.privilegedCreators ? 100 : users[room.creator];
    return { ...levels, users: level === undefined ? users : { ...users, [room.creator]: level } };
  }
  const creators = new Set<unknown>(creatorsOfContent(room.creator, create));
  const others = Object.fromEntries(Object.entries(users).filter(([userId]) => !creators.has(userId)));
  if (old.rules.privilegedCreators) return { ...levels, users: others };
  const events = isJsonObject(levels['events']) ? levels['events'] : {};
  const tombstone = tombstoneLevel(levels['state_default']);
  return { ...levels, users: others, events: { ...events, 'm.room.tombstone': tombstone } };
}

function readLevels(content: JsonObject, rules: RoomVersionRules): JsonObject {
  return Object.fromEntries(
    Object.entries(content).flatMap(([key, value]): [string, JsonValue][] => {
      if (MAPS_OF_LEVELS.includes(key)) {
        return isJsonObject(value) ? [[key, readLevels(value, rules)]] : [];
      }
      const level = readPowerLevel(value, rules);
      return level === undefined ? [] : [[key, level]];
    }),
  );
}

/** The power levels of a room that was replaced: hardly anyone sends or invites there. */
export function restrictLevels(content: JsonObject, rules: RoomVersionRules): JsonObject {
  const lowest = Math.max(50, (readLevelAt(content, 'users_default', rules) ?? 0) + 1);
  const raise = (key: string): number => Math.max(lowest, readLevelAt(content, key, rules) ?? 0);
  return { ...content, events_default: raise('events_default'), invite: raise('invite') };
}
