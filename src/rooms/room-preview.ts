import { notFound } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { Membership } from '../matrix/power-levels.ts';
import { isPublished } from '../storage/directory.ts';
import { listMembershipsIn } from '../storage/membership-reading.ts';
import { findMembership } from '../storage/memberships.ts';
import { findRoomNid } from '../storage/rooms.ts';
import type { JsonObject } from '../util/json.ts';
import type { Viewer } from './client-events.ts';
import {
  describeRooms,
  isRestricted,
  takesKnocks,
  toRoomSummary,
  type DescribedRoom,
} from './describe-rooms.ts';
import { meetsCondition } from './join.ts';
import type { RoomReadDeps } from './read-state.ts';

/** What a user is in some rooms, by interned id. */
export async function findMembershipsIn(
  deps: Pick<RoomReadDeps, 'db'>,
  roomNids: readonly number[],
  userNid: number,
): Promise<ReadonlyMap<number, Membership>> {
  const found = await listMembershipsIn(deps.db, roomNids, userNid);
  return new Map(found.map((member) => [member.roomNid, member.membership]));
}

/**
 * Whether somebody may be told of a room: its members and invitees, who could join or knock, and everyone where the
 * world can read. `viewer` is undefined for who has not logged in.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy
 */
export async function mayPreview(
  deps: Pick<RoomReadDeps, 'db'>,
  room: DescribedRoom,
  viewer: Pick<Viewer, 'userNid'> | undefined,
  membership: Membership | undefined,
): Promise<boolean> {
  if (room.isWorldReadable) return true;
  if (membership === 'ban') return false;
  if (membership === 'join' || membership === 'invite' || membership === 'knock') return true;
  if (room.joinRule === 'public' || takesKnocks(room)) return true;
  return viewer !== undefined && isRestricted(room) && meetsCondition(deps, room.joinRules, viewer);
}

/**
 * A room in a few words. Throws 404 M_NOT_FOUND for rooms that the viewer may not be told of, whether they exist or not.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias
 */
export async function readRoomSummary(
  deps: RoomReadDeps,
  viewer: Pick<Viewer, 'userNid'> | undefined,
  roomId: RoomId,
): Promise<JsonObject> {
  const roomNid = await findRoomNid(deps.db, roomId);
  const room = roomNid === undefined ? undefined : (await describeRooms(deps, [roomNid])).get(roomNid);
  if (room === undefined) throw noSuchRoom(roomId);
  const membership =
    viewer === undefined
      ? undefined
      : (await findMembershipsIn(deps, [room.roomNid], viewer.userNid)).get(room.roomNid);
  if (!(await mayPreview(deps, room, viewer, membership))) throw noSuchRoom(roomId);
  // Who has no membership yet counts as having left.
  return { ...toRoomSummary(room), ...(viewer === undefined ? {} : { membership: membership ?? 'leave' }) };
}

/**
 * For what concerns nobody but the user: throws 404 M_NOT_FOUND for rooms that are not known here, and for those that the user
 * was never in and could not find, so that nothing is learnt of them.
 */
export async function requireKnownRoom(
  deps: RoomReadDeps,
  viewer: Pick<Viewer, 'userNid'>,
  roomId: RoomId,
): Promise<void> {
  if ((await findMembership(deps.db, roomId, viewer.userNid)) !== undefined) return;
  const roomNid = await findRoomNid(deps.db, roomId);
  if (roomNid !== undefined) {
    if (await isPublished(deps.db, roomNid)) return;
    const room = (await describeRooms(deps, [roomNid])).get(roomNid);
    if (room !== undefined && (await mayPreview(deps, room, viewer, undefined))) return;
  }
  throw noSuchRoom(roomId);
}

function noSuchRoom(roomId: RoomId): ReturnType<typeof notFound> {
  return notFound(`${roomId} is not known here, or not to you.`);
}
