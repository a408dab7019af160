import { coversAlias, coversRoom, coversUser, type Appservice } from '../matrix/appservices.ts';
import { parseUserId, type RoomId, type UserId } from '../matrix/identifiers.ts';
import { membershipIn, memberSlot } from '../matrix/power-levels.ts';
import { readableEvent } from '../rooms/client-events.ts';
import { findStateEvents, stateAt, type RoomReadDeps } from '../rooms/read-state.ts';
import {
  listAliasesOfRooms,
  listLocalMemberships,
  type LocalMembership,
} from '../storage/appservice-streams.ts';
import type { StoredEvent } from '../storage/events.ts';
import { groupBy } from '../util/group-by.ts';

/**
 * Those of the events that an application service is to hear of, in their order: sent by one of its users or about one,
 * sent while one was in the room, or in a room that is in its namespaces by id or alias.
 * https://spec.matrix.org/v1.19/application-service-api/#registration
 */
export async function pickInteresting(
  deps: RoomReadDeps,
  appservice: Appservice,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  if (events.length === 0) return [];
  const roomNids = [...new Set(events.map(({ roomNid }) => roomNid))];
  const memberships = await listLocalMemberships(deps.db, roomNids);
  const ownMembers = groupBy(
    memberships.filter(({ userId }) => coversUser(appservice, userId)),
    ({ roomNid }) => roomNid,
  );
  const ownRooms = await listRoomsByAlias(deps, appservice, roomNids);
  const picked: StoredEvent[] = [];
  for (const event of events) {
    const isPicked =
      ownRooms.has(event.roomNid) ||
      coversRoom(appservice, event.roomId) ||
      concernsOwnUser(appservice, event) ||
      (await wasPresent(deps, event, ownMembers.get(event.roomNid) ?? []));
    if (isPicked) picked.push(event);
  }
  return picked;
}

/** Those of the rooms that concern the service now: one of its users is there, or they are in its namespaces. */
export async function pickOwnRooms<Room extends { readonly roomNid: number; readonly roomId: RoomId }>(
  deps: RoomReadDeps,
  appservice: Appservice,
  rooms: readonly Room[],
): Promise<Room[]> {
  if (rooms.length === 0) return [];
  const roomNids = rooms.map(({ roomNid }) => roomNid);
  const memberships = await listLocalMemberships(deps.db, roomNids);
  const ownRooms = new Set([
    ...(await listRoomsByAlias(deps, appservice, roomNids)),
    ...memberships
      .filter(({ membership, userId }) => membership === 'join' && coversUser(appservice, userId))
      .map(({ roomNid }) => roomNid),
  ]);
  return rooms.filter(({ roomNid, roomId }) => ownRooms.has(roomNid) || coversRoom(appservice, roomId));
}

/** The user whom a member event is about. */
export function memberTarget(event: StoredEvent): UserId | undefined {
  const { type, stateKey } = readableEvent(event).event;
  return type === 'm.room.member' ? parseUserId(stateKey) : undefined;
}

async function listRoomsByAlias(
  { db }: RoomReadDeps,
  appservice: Appservice,
  roomNids: readonly number[],
): Promise<ReadonlySet<number>> {
  if (appservice.namespaces.aliases.length === 0) return new Set();
  const aliases = await listAliasesOfRooms(db, roomNids);
  return new Set(aliases.flatMap(({ roomNid, alias }) => (coversAlias(appservice, alias) ? [roomNid] : [])));
}

function concernsOwnUser(appservice: Appservice, event: StoredEvent): boolean {
  const target = memberTarget(event);
  return (
    coversUser(appservice, readableEvent(event).event.sender) ||
    (target !== undefined && coversUser(appservice, target))
  );
}

/** A membership that has not changed since the event needs no look at the state of then. */
async function wasPresent(
  deps: RoomReadDeps,
  { position = 0, stateBefore }: StoredEvent,
  members: readonly LocalMembership[],
): Promise<boolean> {
  if (members.some((member) => member.membership === 'join' && member.position <= position)) return true;
  const doubtful = members.filter((member) => member.position > position);
  if (doubtful.length === 0 || stateBefore === undefined) return false;
  const slots = doubtful.map(({ userId }) => memberSlot(userId));
  const then = await findStateEvents(deps, stateAt(stateBefore), slots);
  return [...then.values()].some((stored) => membershipIn(readableEvent(stored).event.content) === 'join');
}
