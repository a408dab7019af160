import type { Config } from '../config/config.ts';
import { forbidden, notFound, type MatrixError } from '../matrix/errors.ts';
import type { RoomId, UserId } from '../matrix/identifiers.ts';
import type { ThirdPartyInstance } from '../matrix/third-party-instance.ts';
import { describeRooms, toDirectoryEntry, type DescribedRoom } from '../rooms/describe-rooms.ts';
import { mayChangeState } from '../rooms/may-change-state.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { findMembership } from '../storage/memberships.ts';
import { setNetworkPublished } from '../storage/network-rooms.ts';
import { isPublished, setPublished } from '../storage/directory.ts';
import {
  countPublished,
  listPublished,
  type DirectoryPlace,
  type WhichDirectory,
} from '../storage/room-descriptions.ts';
import { findRoomNid } from '../storage/rooms.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';

/** Which rooms of the directory a client asks for. */
export interface DirectoryRequest {
  readonly directory: WhichDirectory;
  /** Has to be in the name, the topic or the alias. */
  readonly searchTerm: string | undefined;
  /** null stands for rooms without a type; undefined for all rooms. */
  readonly roomTypes: readonly (string | null)[] | undefined;
  readonly since: DirectoryToken | undefined;
  readonly limit: number;
}

/** Where a page of the directory starts, and which way it goes. */
export interface DirectoryToken {
  readonly place: DirectoryPlace;
  readonly backwards: boolean;
}

export interface DirectoryPage {
  readonly chunk: readonly JsonObject[];
  readonly next: DirectoryToken | undefined;
  readonly previous: DirectoryToken | undefined;
  /** How many rooms there are; undefined where only a search could tell. */
  readonly total: number | undefined;
}

const ROOMS_AT_ONCE = 100;
/** A search that fits nothing must not read all rooms there are. */
const MOST_LOOKED_AT = 5_000;

/**
 * A page of the rooms that are published, the ones with most members first.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms
 */
export async function readDirectory(deps: RoomReadDeps, request: DirectoryRequest): Promise<DirectoryPage> {
  const backwards = request.since?.backwards ?? false;
  const { found, hasMore } = await collectRooms(deps, request, backwards);
  const rooms = backwards ? found.toReversed() : found;
  const [first, last] = [rooms.at(0), rooms.at(-1)];
  const mayGoOn = backwards ? rooms.length > 0 : hasMore;
  const mayGoBack = backwards ? hasMore : request.since !== undefined && rooms.length > 0;
  const isFiltered =
    request.directory !== 'own' || request.searchTerm !== undefined || request.roomTypes !== undefined;
  return {
    chunk: rooms.map(({ room }) => toDirectoryEntry(room)),
    next: mayGoOn && last !== undefined ? { place: last.place, backwards: false } : undefined,
    previous: mayGoBack && first !== undefined ? { place: first.place, backwards: true } : undefined,
    total: isFiltered ? undefined : await countPublished(deps.db),
  };
}

interface FoundRoom {
  readonly place: DirectoryPlace;
  readonly room: DescribedRoom;
}

async function collectRooms(
  deps: RoomReadDeps,
  request: DirectoryRequest,
  backwards: boolean,
): Promise<{ readonly found: readonly FoundRoom[]; readonly hasMore: boolean }> {
  const found: FoundRoom[] = [];
  let from = request.since?.place;
  for (let lookedAt = 0; lookedAt < MOST_LOOKED_AT; lookedAt += ROOMS_AT_ONCE) {
    const places = await listPublished(deps.db, {
      directory: request.directory,
      from,
      backwards,
      limit: ROOMS_AT_ONCE,
    });
    const described = await describeRooms(
      deps,
      places.map((place) => place.roomNid),
    );
    for (const place of places) {
      const room = described.get(place.roomNid);
      if (room === undefined || !fits(room, request)) continue;
      if (found.length === request.limit) return { found, hasMore: true };
      found.push({ place, room });
    }
    from = places.at(-1);
    if (places.length < ROOMS_AT_ONCE) break;
  }
  return { found, hasMore: false };
}

function fits(room: DescribedRoom, { searchTerm, roomTypes }: DirectoryRequest): boolean {
  if (roomTypes !== undefined && !roomTypes.includes(room.roomType ?? null)) return false;
  if (searchTerm === undefined) return true;
  const term = searchTerm.toLowerCase();
  return [room.name, room.topic, room.canonicalAlias].some(
    (text) => text?.toLowerCase().includes(term) === true,
  );
}

/** Whether a room is in the directory. Throws 404 M_NOT_FOUND for rooms that are not known here. */
export async function isRoomPublished(deps: Pick<RoomReadDeps, 'db'>, roomId: RoomId): Promise<boolean> {
  return isPublished(deps.db, await getRoomNid(deps, roomId));
}

interface Publisher {
  readonly userId: UserId;
  readonly userNid: number;
  readonly isAdmin: boolean;
}

/**
 * Puts a room into the directory or takes it out: administrators may, and who may set the room's canonical alias, unless
 * the configuration leaves publishing to administrators. Throws 403 M_FORBIDDEN and 404 M_NOT_FOUND.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistroomroomid
 */
export async function publishRoom(
  deps: RoomReadDeps & { readonly clock: Clock; readonly config: Pick<Config, 'directoryPublishing'> },
  publisher: Publisher,
  roomId: RoomId,
  published: boolean,
): Promise<void> {
  const roomNid = await getRoomNid(deps, roomId);
  if (!publisher.isAdmin) {
    if ((await findMembership(deps.db, roomId, publisher.userNid)) === undefined) throw noSuchRoom(roomId);
    if (published && deps.config.directoryPublishing === 'admins')
      throw forbidden('Only administrators publish rooms in the directory here.');
    if (!(await mayChangeState(deps, publisher, { roomId, roomNid }, 'm.room.canonical_alias')))
      throw forbidden('Publishing a room takes the power to set its canonical alias.');
  }
  await setPublished(deps.db, roomNid, published, deps.clock.nowMs());
}

/**
 * Puts a room into the directory of a network that an application service leads to, or takes it out. Throws 404
 * M_NOT_FOUND. https://spec.matrix.org/v1.19/application-service-api/#application-service-room-directories
 */
export async function publishRoomOnNetwork(
  deps: Pick<RoomReadDeps, 'db'> & { readonly clock: Clock },
  instance: ThirdPartyInstance,
  roomId: RoomId,
  published: boolean,
): Promise<void> {
  const roomNid = await getRoomNid(deps, roomId);
  await setNetworkPublished(deps.db, instance, roomNid, published, deps.clock.nowMs());
}

async function getRoomNid(deps: Pick<RoomReadDeps, 'db'>, roomId: RoomId): Promise<number> {
  const roomNid = await findRoomNid(deps.db, roomId);
  if (roomNid === undefined) throw noSuchRoom(roomId);
  return roomNid;
}

function noSuchRoom(roomId: RoomId): MatrixError {
  return notFound(`${roomId} is not known here.`);
}
