import { admitsRoom, type RoomEventFilter } from '../matrix/filters.ts';
import { parseRoomId, type RoomId } from '../matrix/identifiers.ts';
import { readableEvent, type Viewer } from '../rooms/client-events.ts';
import { currentStateOf, findStateEvent, type RoomReadDeps } from '../rooms/read-state.ts';
import { listRoomsOfUser, type RoomMembership } from '../storage/memberships.ts';
import { isJsonObject } from '../util/json.ts';

/** Where a search looks. */
export interface SearchedRooms {
  /** Rooms that the viewer is or was in, by interned id. */
  readonly roomNids: readonly number[];
  /** Those of them that the viewer is not in any more. */
  readonly left: ReadonlySet<number>;
  /** The filter of the request with all the rooms that it stands for. */
  readonly filter: RoomEventFilter;
}

const LONGEST_CHAIN = 20;

/**
 * The rooms of a user that a filter admits, those that they left included unless they forgot them. A room that is asked
 * for by name brings along the rooms that it has replaced. With `only`, no more than one room is left of all that.
 */
export async function listSearchedRooms(
  deps: RoomReadDeps,
  viewer: Pick<Viewer, 'userNid'>,
  filter: RoomEventFilter,
  only?: string,
): Promise<SearchedRooms> {
  const rooms = (await listRoomsOfUser(deps.db, viewer.userNid)).filter((room) => !room.forgotten);
  const wide = filter.rooms === undefined ? filter : await withPredecessors(deps, rooms, filter);
  const admitted = rooms.filter(
    ({ roomId }) => admitsRoom(wide, roomId) && (only === undefined || only === roomId),
  );
  return {
    roomNids: admitted.map((room) => room.roomNid),
    left: new Set(admitted.filter((room) => room.membership !== 'join').map((room) => room.roomNid)),
    filter: wide,
  };
}

async function withPredecessors(
  deps: RoomReadDeps,
  rooms: readonly RoomMembership[],
  filter: RoomEventFilter,
): Promise<RoomEventFilter> {
  const nids = new Map<string, number>(rooms.map((room) => [room.roomId, room.roomNid]));
  const wanted = new Set(filter.rooms);
  for (const asked of filter.rooms ?? []) {
    let roomNid = nids.get(asked);
    for (let steps = 0; roomNid !== undefined && steps < LONGEST_CHAIN; steps += 1) {
      const predecessor = await findPredecessor(deps, roomNid);
      if (predecessor === undefined || wanted.has(predecessor)) break;
      wanted.add(predecessor);
      roomNid = nids.get(predecessor);
    }
  }
  return { ...filter, rooms: [...wanted] };
}

async function findPredecessor(deps: RoomReadDeps, roomNid: number): Promise<RoomId | undefined> {
  const create = await findStateEvent(deps, currentStateOf(roomNid), 'm.room.create', '');
  const predecessor = create === undefined ? undefined : readableEvent(create).event.content['predecessor'];
  return isJsonObject(predecessor) ? parseRoomId(predecessor['room_id']) : undefined;
}
