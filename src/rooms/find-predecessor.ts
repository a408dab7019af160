import { parseRoomId, type RoomId } from '../matrix/identifiers.ts';
import { findRoomNid } from '../storage/rooms.ts';
import { isJsonObject } from '../util/json.ts';
import { readableEvent } from './client-events.ts';
import { currentStateOf, findStateEvent, type RoomReadDeps } from './read-state.ts';

/** A room by both of its names. */
export interface NamedRoom {
  readonly roomId: RoomId;
  readonly roomNid: number;
}

/** A room that was replaced, and the one that took its place. */
export interface Replacement {
  readonly from: NamedRoom;
  readonly to: NamedRoom;
}

/**
 * The room that a room replaces, when both say so: the create event of one, the tombstone of the other. Whoever makes a room
 * can name any room as the one before it. undefined for all other rooms, and where the old one is not known here.
 * https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
export async function findPredecessor(deps: RoomReadDeps, roomId: RoomId): Promise<Replacement | undefined> {
  const roomNid = await findRoomNid(deps.db, roomId);
  if (roomNid === undefined) return undefined;
  const create = await findStateEvent(deps, currentStateOf(roomNid), 'm.room.create', '');
  const predecessor = create === undefined ? undefined : readableEvent(create).event.content['predecessor'];
  const oldId = isJsonObject(predecessor) ? parseRoomId(predecessor['room_id']) : undefined;
  const oldNid = oldId === undefined ? undefined : await findRoomNid(deps.db, oldId);
  if (oldId === undefined || oldNid === undefined) return undefined;
  const tombstone = await findStateEvent(deps, currentStateOf(oldNid), 'm.room.tombstone', '');
  if (tombstone === undefined || readableEvent(tombstone).event.content['replacement_room'] !== roomId)
    return undefined;
  return { from: { roomId: oldId, roomNid: oldNid }, to: { roomId, roomNid } };
}
