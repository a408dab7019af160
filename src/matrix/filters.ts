import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { badJson, invalidParam } from './errors.ts';
import { parseRoomId, parseUserId } from './identifiers.ts';

/** Which events somebody wants. An absent list admits everything, an empty one nothing. */
export interface EventFilter {
  readonly limit?: number | undefined;
  readonly types?: readonly string[] | undefined;
  readonly notTypes?: readonly string[] | undefined;
  readonly senders?: readonly string[] | undefined;
  readonly notSenders?: readonly string[] | undefined;
}

/** Which events of rooms somebody wants. */
export interface RoomEventFilter extends EventFilter {
  readonly rooms?: readonly string[] | undefined;
  readonly notRooms?: readonly string[] | undefined;
  readonly containsUrl?: boolean | undefined;
  readonly relTypes?: readonly string[] | undefined;
  readonly notRelTypes?: readonly string[] | undefined;
  readonly lazyLoadMembers: boolean;
  readonly includeRedundantMembers: boolean;
  readonly unreadThreadNotifications: boolean;
}

export interface RoomFilter {
  readonly rooms?: readonly string[] | undefined;
  readonly notRooms?: readonly string[] | undefined;
  readonly includeLeave: boolean;
  readonly timeline: RoomEventFilter;
  readonly state: RoomEventFilter;
  readonly ephemeral: RoomEventFilter;
  readonly accountData: RoomEventFilter;
}

/** A whole filter, parsed. https://spec.matrix.org/v1.19/client-server-api/#filtering */
export interface Filter {
  /** Dot-separated paths of what to keep of each event; absent: all of it. */
  readonly eventFields?: readonly string[] | undefined;
  readonly eventFormat: 'client' | 'federation';
  readonly presence: EventFilter;
  readonly accountData: EventFilter;
  readonly room: RoomFilter;
}

/**
 * A filter from JSON. Unknown keys are passed over. Throws 400 M_BAD_JSON for a value of the wrong kind and
 * M_INVALID_PARAM for what is no room id or user id.
 */
export function parseFilter(value: unknown): Filter {
  return parseWith(filterShape, value);
}

/** The `filter` of /messages, /context and /search: a RoomEventFilter alone. Throws as {@link parseFilter} does. */
export function parseRoomEventFilter(value: unknown): RoomEventFilter {
  return parseWith(roomEventFilterShape, value);
}

/** How many events to give: what the filter says, which may be 0, but at most `max`; `byDefault` when it says nothing. */
export function limitOf(filter: EventFilter, byDefault: number, max: number): number {
  return Math.min(max, filter.limit ?? byDefault);
}

/** Whether there can be events of a room that do not come through. */
export function isSelective(filter: RoomEventFilter): boolean {
  const { types, notTypes, senders, notSenders, rooms, notRooms, containsUrl, relTypes, notRelTypes } =
    filter;
  const choices = [types, notTypes, senders, notSenders, rooms, notRooms, containsUrl, relTypes, notRelTypes];
  return choices.some((choice) => choice !== undefined);
}

/** Whether a room comes through: `notRooms` beats `rooms`. */
export function admitsRoom(filter: Pick<RoomFilter, 'rooms' | 'notRooms'>, roomId: string): boolean {
  if (filter.notRooms?.includes(roomId) === true) return false;
  return filter.rooms?.includes(roomId) ?? true;
}

/**
 * Whether an event comes through an event filter: what is excluded beats what is included. What has no sender
 * (account data, typing) is not judged by `senders`.
 */
export function admitsEvent(
  filter: EventFilter,
  event: { readonly type: string; readonly sender?: string },
): boolean {
  const { sender } = event;
  if (filter.notTypes?.some((glob) => matchesGlob(glob, event.type)) === true) return false;
  if (filter.types !== undefined && !filter.types.some((glob) => matchesGlob(glob, event.type))) return false;
  if (sender === undefined) return true;
  if (filter.notSenders?.includes(sender) === true) return false;
  return filter.senders?.includes(sender) ?? true;
}

/** Whether an event of a room comes through: {@link admitsEvent}, the rooms, and what the content holds. */
export function admitsRoomEvent(
  filter: RoomEventFilter,
  roomId: string,
  event: { readonly type: string; readonly sender?: string; readonly content: JsonObject },
): boolean {
  if (!admitsRoom(filter, roomId) || !admitsEvent(filter, event)) return false;
  if (filter.containsUrl !== undefined && Object.hasOwn(event.content, 'url') !== filter.containsUrl)
    return false;
  const relType = relTypeOf(event.content);
  if (relType !== undefined && filter.notRelTypes?.includes(relType) === true) return false;
  return filter.relTypes === undefined || (relType !== undefined && filter.relTypes.includes(relType));
}

/** Whether `text` is of the form of `glob`, in which `*` stands for any characters, or none. Takes linear space and no regex. */
export function matchesGlob(glob: string, text: string): boolean {
  const [first = '', ...rest] = glob.split('*');
  const last = rest.pop();
  if (last === undefined) return glob === text;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  // The parts between two stars may take the earliest place: a later one would leave less for the next.
  let from = first.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return from <= text.length - last.length;
}

function relTypeOf(content: JsonObject): string | undefined {
  const relation = content['m.relates_to'];
  const relType = isJsonObject(relation) ? relation['rel_type'] : undefined;
  return typeof relType === 'string' ? relType : undefined;
}

function parseWith<T>(shape: z.ZodType<T>, value: unknown): T {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = ['filter', ...(issue?.path ?? [])].map(String).join('.');
  const refuse = issue?.code === 'custom' ? invalidParam : badJson;
  throw refuse(`${where}: ${issue?.message ?? 'does not parse'}`);
}

const texts = z.array(z.string());
const roomIds = z.array(z.string().refine((id) => parseRoomId(id) !== undefined, 'not a room id'));
const userIds = z.array(z.string().refine((id) => parseUserId(id) !== undefined, 'not a user id'));

const eventFilterFields = {
  // The text wants at least 1; clients send 0 to get rooms without a timeline.
  limit: z.int().min(0).optional(),
  types: texts.optional(),
  not_types: texts.optional(),
  senders: userIds.optional(),
  not_senders: userIds.optional(),
};

const eventFilterShape = z.object(eventFilterFields).transform((raw): EventFilter => ({
  limit: raw.limit,
  types: raw.types,
  notTypes: raw.not_types,
  senders: raw.senders,
  notSenders: raw.not_senders,
}));

const roomEventFilterShape = z
  .object({
    ...eventFilterFields,
    rooms: roomIds.optional(),
    not_rooms: roomIds.optional(),
    contains_url: z.boolean().optional(),
    // MSC3874.
    'org.matrix.msc3874.rel_types': texts.optional(),
    'org.matrix.msc3874.not_rel_types': texts.optional(),
    lazy_load_members: z.boolean().default(false),
    include_redundant_members: z.boolean().default(false),
    unread_thread_notifications: z.boolean().default(false),
  })
  .transform((raw): RoomEventFilter => ({
    limit: raw.limit,
    types: raw.types,
    notTypes: raw.not_types,
    senders: raw.senders,
    notSenders: raw.not_senders,
    rooms: raw.rooms,
    notRooms: raw.not_rooms,
    containsUrl: raw.contains_url,
    relTypes: raw['org.matrix.msc3874.rel_types'],
    notRelTypes: raw['org.matrix.msc3874.not_rel_types'],
    lazyLoadMembers: raw.lazy_load_members,
    includeRedundantMembers: raw.include_redundant_members,
    unreadThreadNotifications: raw.unread_thread_notifications,
  }));

const roomFilterShape = z
  .object({
    rooms: roomIds.optional(),
    not_rooms: roomIds.optional(),
    include_leave: z.boolean().default(false),
    timeline: roomEventFilterShape.prefault({}),
    state: roomEventFilterShape.prefault({}),
    ephemeral: roomEventFilterShape.prefault({}),
    account_data: roomEventFilterShape.prefault({}),
  })
  .transform((raw): RoomFilter => ({
    rooms: raw.rooms,
    notRooms: raw.not_rooms,
    includeLeave: raw.include_leave,
    timeline: raw.timeline,
    state: raw.state,
    ephemeral: raw.ephemeral,
    accountData: raw.account_data,
  }));

const filterShape = z
  .object({
    event_fields: texts.optional(),
    event_format: z.enum(['client', 'federation']).default('client'),
    presence: eventFilterShape.prefault({}),
    account_data: eventFilterShape.prefault({}),
    room: roomFilterShape.prefault({}),
  })
  .transform((raw): Filter => ({
    eventFields: raw.event_fields,
    eventFormat: raw.event_format,
    presence: raw.presence,
    accountData: raw.account_data,
    room: raw.room,
  }));
