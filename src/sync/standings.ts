import type { RoomId, UserId } from '../matrix/identifiers.ts';
import { membershipIn, memberSlot } from '../matrix/power-levels.ts';
import { readableEvent } from '../rooms/client-events.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { listEventsByNid } from '../storage/events.ts';
import type { Membership, RoomMembership } from '../storage/memberships.ts';
import { listForgotten, listStateRootsAt } from '../storage/sync-reading.ts';
import { mapTogether } from './map-together.ts';
import type { UserRooms } from './user-rooms.ts';

/** What a user is in a room where the reading ends, and what they were where the client is. */
export interface Standing {
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly membership: Membership;
  readonly eventNid: number;
  /** Where the membership or its event last changed. */
  readonly position: number;
  /** The membership where the client is; undefined when it has none of the room, or knows nothing yet. */
  readonly before: Membership | undefined;
}

/** A user's standings in all rooms that they have anything to do with. */
export class Standings {
  readonly all: readonly Standing[];
  /** Those where the membership, or the event that holds it, is new to the client. */
  readonly changed: readonly Standing[];
  #joined: ReadonlySet<number> | undefined;
  #byNid: ReadonlyMap<number, Standing> | undefined;

  constructor(all: readonly Standing[], since: number | undefined) {
    this.all = all;
    this.changed = since === undefined ? all : all.filter((standing) => standing.position > since);
  }

  /** The rooms that the user is in, by number. */
  get joined(): ReadonlySet<number> {
    this.#joined ??= new Set(this.all.filter(isJoined).map((standing) => standing.roomNid));
    return this.#joined;
  }

  /** Those of the joined ones that the client had not. */
  get newlyJoined(): readonly Standing[] {
    return this.changed.filter((standing) => isJoined(standing) && standing.before !== 'join');
  }

  find(roomNid: number): Standing | undefined {
    this.#byNid ??= new Map(this.all.map((standing) => [standing.roomNid, standing]));
    return this.#byNid.get(roomNid);
  }
}

interface Range {
  /** undefined for a client that knows nothing. */
  readonly since: number | undefined;
  readonly upTo: number;
}

/**
 * The user's standing in each room, as of the end of the range: `rooms` may be newer than that. Where nothing changed
 * in the range, which is nearly everywhere, this asks the database nothing. Rooms that the user has forgotten are left
 * out for a client that knows nothing; to others the leave is news, or they would show the room for ever.
 */
export async function listStandings(
  deps: RoomReadDeps,
  user: { readonly userId: UserId; readonly userNid: number },
  rooms: UserRooms,
  range: Range,
): Promise<Standings> {
  const { since } = range;
  if (since !== undefined && rooms.newestPosition <= since) return allAsBefore(rooms);
  const changed = rooms.all.filter((room) => room.position > (since ?? -Infinity));
  const standings = await mapTogether(changed, (room) => findStanding(deps, user.userId, room, range));
  const unchanged = rooms.all.filter((room) => room.position <= (since ?? -Infinity)).map(asBefore);
  const known = [...standings.filter((standing) => standing !== undefined), ...unchanged];
  if (since !== undefined) return new Standings(known, since);
  const left = known.filter(hasLeft);
  const forgotten = await listForgotten(
    deps.db,
    user.userNid,
    left.map((standing) => standing.roomNid),
  );
  return new Standings(
    known.filter((standing) => !forgotten.has(standing.roomNid)),
    undefined,
  );
}

const asBeforeOf = new WeakMap<UserRooms, Standings>();

/** The standings where nothing has changed: made once for all answers that share the rooms. */
function allAsBefore(rooms: UserRooms): Standings {
  const known = asBeforeOf.get(rooms);
  if (known !== undefined) return known;
  const standings = new Standings(rooms.all.map(asBefore), rooms.newestPosition);
  asBeforeOf.set(rooms, standings);
  return standings;
}

/** Each member by name: all rooms of a user are made anew when one of them changes. */
function asBefore(room: RoomMembership): Standing {
  return {
    roomNid: room.roomNid,
    roomId: room.roomId,
    membership: room.membership,
    eventNid: room.eventNid,
    position: room.position,
    before: room.membership,
  };
}

/** Whether the user is in the room. */
export function isJoined(standing: Standing): boolean {
  return standing.membership === 'join';
}

/** Whether the user was in the room, or invited or knocking, and is no more. */
export function hasLeft(standing: Standing): boolean {
  return standing.membership === 'leave' || standing.membership === 'ban';
}

async function findStanding(
  deps: RoomReadDeps,
  userId: UserId,
  room: RoomMembership,
  { since, upTo }: Range,
): Promise<Standing | undefined> {
  const { roomNid, roomId } = room;
  const now = room.position <= upTo ? room : await findMemberAt(deps, userId, roomNid, upTo);
  if (now === undefined) return undefined;
  const before = since === undefined ? undefined : await findMemberAt(deps, userId, roomNid, since);
  const isSame = before?.eventNid === now.eventNid;
  // State resolution may bring back an old event: that is news all the same.
  const position = isSame || now.position > (since ?? -Infinity) ? now.position : upTo;
  const { membership, eventNid } = now;
  return { roomNid, roomId, membership, eventNid, position, before: before?.membership };
}

/** The membership that was current at a position. */
async function findMemberAt(
  deps: RoomReadDeps,
  userId: UserId,
  roomNid: number,
  position: number,
): Promise<Pick<RoomMembership, 'membership' | 'eventNid' | 'position'> | undefined> {
  const slot = memberSlot(userId);
  const key = (await deps.stateKeys.find([slot])).get(slot);
  const root = (await listStateRootsAt(deps.db, roomNid, [position])).get(position);
  if (key === undefined || root === undefined) return undefined;
  const eventNid = (await deps.trie.findEntries(root, [key])).get(key);
  if (eventNid === undefined) return undefined;
  const [event] = await listEventsByNid(deps.db, [eventNid]);
  const membership = event === undefined ? undefined : membershipIn(readableEvent(event).event.content);
  if (event === undefined || membership === undefined) return undefined;
  return { membership, eventNid, position: event.position ?? position };
}
