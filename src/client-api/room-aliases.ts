import { z } from 'zod';
import { getAlias, listRoomAliases, makeAlias, removeAlias, type AliasDeps } from '../directory/aliases.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { Appservice } from '../matrix/appservices.ts';
import type { SendDeps } from '../rooms/send.ts';
import { oldPath, roomAliasParam, roomIdField } from './room-fields.ts';

export type RoomAliasesDeps = SendDeps & AliasDeps & { readonly appservices: readonly Appservice[] };

const PATH = '/_matrix/client/v3/directory/room/{roomAlias}';

const getRoomIdByAlias = endpoint({
  name: 'getRoomIdByAlias',
  method: 'GET',
  path: PATH,
  alsoAt: [oldPath(PATH)],
  auth: 'none',
  rateLimit: 'read',
  handle: async (deps: RoomAliasesDeps, { params }) => {
    const alias = await getAlias(deps, roomAliasParam(params.roomAlias));
    return { body: { room_id: alias.roomId, servers: [deps.serverName] } };
  },
});

const setRoomAlias = endpoint({
  name: 'setRoomAlias',
  method: 'PUT',
  path: PATH,
  alsoAt: [oldPath(PATH)],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'write',
  body: z.object({ room_id: roomIdField }),
  handle: async (deps: RoomAliasesDeps, { params, body, requester }) => {
    await makeAlias(deps, requester, roomAliasParam(params.roomAlias), body.room_id);
    return { body: {} };
  },
});

const deleteRoomAlias = endpoint({
  name: 'deleteRoomAlias',
  method: 'DELETE',
  path: PATH,
  alsoAt: [oldPath(PATH)],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'write',
  handle: async (deps: RoomAliasesDeps, { params, requester }) => {
    await removeAlias(deps, requester, roomAliasParam(params.roomAlias));
    return { body: {} };
  },
});

const getLocalAliases = endpoint({
  name: 'getLocalAliases',
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/aliases',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/aliases')],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: RoomAliasesDeps, { params, requester }) => ({
    body: { aliases: await listRoomAliases(deps, requester, params.roomId) },
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#room-aliases */
export const roomAliasesEndpoints: readonly Endpoint<RoomAliasesDeps>[] = [
  getRoomIdByAlias,
  setRoomAlias,
  deleteRoomAlias,
  getLocalAliases,
];
