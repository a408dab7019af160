import { stateSlot, type StateSlot } from '../matrix/event.ts';
import { historyVisibilityIn } from '../matrix/history-visibility.ts';
import { parseRoomAlias, parseRoomId, type RoomId } from '../matrix/identifiers.ts';
import { CREATE_SLOT, JOIN_RULES_SLOT } from '../matrix/power-levels.ts';
import type { RoomVersionRules } from '../matrix/room-version.ts';
import { countJoined, listCurrentStateOfRooms } from '../storage/room-descriptions.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';
import { readableEvent, type ReadableEvent } from './client-events.ts';
import type { RoomReadDeps } from './read-state.ts';

/** A room as it is shown to who is not in it. */
export interface DescribedRoom {
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly rules: RoomVersionRules;
  readonly joinedCount: number;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  readonly avatarUrl: string | undefined;
  readonly canonicalAlias: string | undefined;
  /** `invite` where the room has none. */
  readonly joinRule: string;
  readonly joinRules: JsonObject;
  readonly roomType: string | undefined;
  readonly isWorldReadable: boolean;
  readonly guestsCanJoin: boolean;
  readonly encryption: string | undefined;
}

const SLOTS = {
  create: CREATE_SLOT,
  joinRules: JOIN_RULES_SLOT,
  name: stateSlot('m.room.name', ''),
  topic: stateSlot('m.room.topic', ''),
  avatar: stateSlot('m.room.avatar', ''),
  alias: stateSlot('m.room.canonical_alias', ''),
  visibility: stateSlot('m.room.history_visibility', ''),
  guests: stateSlot('m.room.guest_access', ''),
  encryption: stateSlot('m.room.encryption', ''),
} as const;

/** Describes rooms by their current state, in three queries for all of them. Rooms that are not known are left out. */
export async function describeRooms(
  deps: RoomReadDeps,
  roomNids: readonly number[],
): Promise<Map<number, DescribedRoom>> {
  const keys = await deps.stateKeys.find(Object.values(SLOTS));
  const stored = await listCurrentStateOfRooms(deps.db, roomNids, [...keys.values()]);
  const counts = await countJoined(deps.db, roomNids);
  const slots = new Map([...keys].map(([slot, nid]) => [nid, slot]));
  const states = new Map<number, Map<StateSlot, ReadableEvent>>();
  for (const event of stored) {
    const slot = slots.get(event.stateKeyNid ?? 0);
    const state = states.get(event.roomNid) ?? new Map<StateSlot, ReadableEvent>();
    if (slot !== undefined) states.set(event.roomNid, state.set(slot, readableEvent(event)));
  }
  return new Map(
    [...states].flatMap(([roomNid, state]): [number, DescribedRoom][] => {
      const create = state.get(CREATE_SLOT);
      return create === undefined ? [] : [[roomNid, describe(create, state, counts.get(roomNid) ?? 0)]];
    }),
  );
}

function describe(
  create: ReadableEvent,
  state: ReadonlyMap<StateSlot, ReadableEvent>,
  joinedCount: number,
): DescribedRoom {
  const contentOf = (slot: StateSlot): JsonObject => state.get(slot)?.event.content ?? {};
  const joinRules = contentOf(SLOTS.joinRules);
  return {
    roomNid: create.stored.roomNid,
    roomId: create.stored.roomId,
    rules: create.rules,
    joinedCount,
    name: textOf(contentOf(SLOTS.name)['name']),
    topic: plainTopic(contentOf(SLOTS.topic)),
    avatarUrl: textOf(contentOf(SLOTS.avatar)['url']),
    canonicalAlias: parseRoomAlias(contentOf(SLOTS.alias)['alias']),
    joinRule: textOf(joinRules['join_rule']) ?? 'invite',
    joinRules,
    roomType: textOf(create.event.content['type']),
    isWorldReadable: historyVisibilityIn(state.get(SLOTS.visibility)?.event.content) === 'world_readable',
    guestsCanJoin: contentOf(SLOTS.guests)['guest_access'] === 'can_join',
    encryption: textOf(contentOf(SLOTS.encryption)['algorithm']),
  };
}

/** A text that is there and not empty: an empty name is none. */
function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The plain text among the forms of a topic. https://spec.matrix.org/v1.19/client-server-api/#mroomtopic */
function plainTopic(content: JsonObject): string | undefined {
  const block = content['m.topic'];
  const forms = isJsonObject(block) ? block['m.text'] : undefined;
  if (!isJsonArray(forms)) return textOf(content['topic']);
  const plain = forms.filter(isJsonObject).find((form) => {
    const type = form['mimetype'];
    return type === undefined || type === 'text/plain';
  });
  return textOf(plain?.['body']);
}

/** The room as the directory lists it. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms */
export function toDirectoryEntry(room: DescribedRoom): JsonObject {
  const entry = {
    room_id: room.roomId,
    num_joined_members: room.joinedCount,
    world_readable: room.isWorldReadable,
    guest_can_join: room.guestsCanJoin,
    join_rule: room.joinRule,
    name: room.name,
    topic: room.topic,
    avatar_url: room.avatarUrl,
    canonical_alias: room.canonicalAlias,
    room_type: room.roomType,
  };
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
}

/** The room as summaries and spaces show it. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias */
export function toRoomSummary(room: DescribedRoom): JsonObject {
  const allowed = isRestricted(room) ? listAllowedRooms(room.joinRules) : [];
  return {
    ...toDirectoryEntry(room),
    room_version: room.rules.version,
    ...(allowed.length === 0 ? {} : { allowed_room_ids: allowed }),
    ...(room.encryption === undefined ? {} : { encryption: room.encryption }),
  };
}

/** Whether members of some rooms may join on the ground of that. */
export function isRestricted({ joinRule, rules }: DescribedRoom): boolean {
  return (
    (joinRule === 'restricted' && rules.restrictedJoins) ||
    (joinRule === 'knock_restricted' && rules.knockRestrictedJoins)
  );
}

/** Whether anyone may knock. */
export function takesKnocks({ joinRule, rules }: DescribedRoom): boolean {
  return (
    (joinRule === 'knock' && rules.knocking) ||
    (joinRule === 'knock_restricted' && rules.knockRestrictedJoins)
  );
}

const MOST_ALLOWED = 100;

/** The rooms whose members may join. https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms */
export function listAllowedRooms(joinRules: JsonObject): RoomId[] {
  const allow = joinRules['allow'];
  const conditions = isJsonArray(allow) ? allow.slice(0, MOST_ALLOWED).filter(isJsonObject) : [];
  return conditions
    .filter((condition) => condition['type'] === 'm.room_membership')
    .flatMap((condition) => parseRoomId(condition['room_id']) ?? []);
}
