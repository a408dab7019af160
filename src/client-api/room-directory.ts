import { z } from 'zod';
import {
  isRoomPublished,
  publishRoom,
  readDirectory,
  type DirectoryPage,
  type DirectoryRequest,
  type DirectoryToken,
} from '../directory/published-rooms.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { Config } from '../config/config.ts';
import { invalidParam, notFound } from '../matrix/errors.ts';
import type { ServerName } from '../matrix/identifiers.ts';
import { parseInstanceId } from '../matrix/third-party-instance.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import type { WhichDirectory } from '../storage/room-descriptions.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';
import { limitField, oldPath } from './room-fields.ts';

export interface RoomDirectoryDeps extends RoomReadDeps {
  readonly clock: Clock;
  readonly config: Pick<Config, 'directoryPublishing'>;
  readonly serverName: ServerName;
}

const LIST = '/_matrix/client/v3/directory/list/room/{roomId}';
const PUBLIC_ROOMS = '/_matrix/client/v3/publicRooms';
const MOST_ROOMS = 500;
const ROOMS_BY_DEFAULT = 100;
const TOKEN = /^([fb])([0-9]{1,15})\.([0-9]{1,15})$/;

/** A token for the place right after a room of the directory, or right before it. */
const tokenField: z.ZodType<DirectoryToken> = z.string().transform((text, context) => {
  const [, direction, joined, roomNid] = TOKEN.exec(text) ?? [];
  if (direction !== undefined)
    return {
      place: { joined: Number(joined), roomNid: Number(roomNid) },
      backwards: direction === 'b',
    };
  context.addIssue({ code: 'custom', message: 'not a token of this server' });
  return z.NEVER;
});

function formatToken({ place, backwards }: DirectoryToken): string {
  return `${backwards ? 'b' : 'f'}${place.joined}.${place.roomNid}`;
}

function describePage(page: DirectoryPage): JsonObject {
  return {
    chunk: page.chunk,
    ...(page.next === undefined ? {} : { next_batch: formatToken(page.next) }),
    ...(page.previous === undefined ? {} : { prev_batch: formatToken(page.previous) }),
    ...(page.total === undefined ? {} : { total_room_count_estimate: page.total }),
  };
}

async function answer(
  deps: RoomDirectoryDeps,
  server: string | undefined,
  request: DirectoryRequest,
): Promise<{ body: JsonObject }> {
  if (server !== undefined && server !== deps.serverName)
    throw notFound(`${server} is another server, whose directory this one does not know.`);
  return { body: describePage(await readDirectory(deps, request)) };
}

const getPublicRooms = endpoint({
  name: 'getPublicRooms',
  method: 'GET',
  path: PUBLIC_ROOMS,
  alsoAt: [oldPath(PUBLIC_ROOMS)],
  auth: 'none',
  rateLimit: 'read',
  query: z.object({
    limit: limitField(ROOMS_BY_DEFAULT, MOST_ROOMS),
    since: tokenField.optional(),
    server: z.string().optional(),
  }),
  handle: (deps: RoomDirectoryDeps, { query }) =>
    answer(deps, query.server, {
      directory: 'own',
      searchTerm: undefined,
      roomTypes: undefined,
      since: query.since,
      limit: Math.max(1, query.limit),
    }),
});

const queryBody = z.object({
  limit: z
    .int()
    .min(0)
    .transform((limit) => Math.max(1, Math.min(limit, MOST_ROOMS)))
    .default(ROOMS_BY_DEFAULT),
  since: tokenField.nullish(),
  include_all_networks: z.boolean().default(false),
  third_party_instance_id: z.string().nullish(),
  filter: z
    .object({
      generic_search_term: z.string().nullish(),
      room_types: z.array(z.string().nullable()).nullish(),
    })
    .nullish(),
});

/** One network, or all, beats this server's own. Throws 400 M_INVALID_PARAM. */
function whichDirectory(body: z.infer<typeof queryBody>): WhichDirectory {
  const { third_party_instance_id: id } = body;
  if (id === undefined || id === null) return body.include_all_networks ? 'all' : 'own';
  if (body.include_all_networks)
    throw invalidParam('third_party_instance_id and include_all_networks contradict each other');
  const instance = parseInstanceId(id);
  if (instance === undefined) throw invalidParam('third_party_instance_id is not one of this server');
  return instance;
}

const queryPublicRooms = endpoint({
  name: 'queryPublicRooms',
  method: 'POST',
  path: PUBLIC_ROOMS,
  alsoAt: [oldPath(PUBLIC_ROOMS)],
  auth: 'user',
  rateLimit: 'read',
  query: z.object({ server: z.string().optional() }),
  body: queryBody,
  bodyOptional: true,
  handle: (deps: RoomDirectoryDeps, { query, body }) => {
    const term = body.filter?.generic_search_term ?? '';
    return answer(deps, query.server, {
      directory: whichDirectory(body),
      searchTerm: term === '' ? undefined : term,
      roomTypes: body.filter?.room_types ?? undefined,
      since: body.since ?? undefined,
      limit: body.limit,
    });
  },
});

const getRoomVisibilityOnDirectory = endpoint({
  name: 'getRoomVisibilityOnDirectory',
  method: 'GET',
  path: LIST,
  alsoAt: [oldPath(LIST)],
  auth: 'none',
  rateLimit: 'read',
  handle: async (deps: RoomDirectoryDeps, { params }) => ({
    body: { visibility: (await isRoomPublished(deps, params.roomId)) ? 'public' : 'private' },
  }),
});

const setRoomVisibilityOnDirectory = endpoint({
  name: 'setRoomVisibilityOnDirectory',
  method: 'PUT',
  path: LIST,
  alsoAt: [oldPath(LIST)],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'write',
  body: z.object({ visibility: z.enum(['public', 'private']).default('public') }),
  bodyOptional: true,
  handle: async (deps: RoomDirectoryDeps, { params, body, requester }) => {
    await publishRoom(deps, requester, params.roomId, body.visibility === 'public');
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#published-room-directory */
export const roomDirectoryEndpoints: readonly Endpoint<RoomDirectoryDeps>[] = [
  getPublicRooms,
  queryPublicRooms,
  getRoomVisibilityOnDirectory,
  setRoomVisibilityOnDirectory,
];
