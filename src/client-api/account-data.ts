import {
  getAccountData,
  removeAccountData,
  setAccountData,
  type AccountDataDeps,
} from '../accounts/account-data.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { requireKnownRoom } from '../rooms/room-preview.ts';
import { oldPath } from './room-fields.ts';

/** What changes a piece of account data of a room, of which its owner must know. */
export type RoomDataDeps = AccountDataDeps & RoomReadDeps;

const GLOBAL = '/_matrix/client/v3/user/{userId}/account_data/{type}';
const OF_ROOM = '/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}';
/** Only MSC3391 lets account data be deleted. */
const DELETION = '/_matrix/client/unstable/org.matrix.msc3391/user/{userId}';

const setGlobal = endpoint({
  name: 'setAccountData',
  method: 'PUT',
  path: GLOBAL,
  alsoAt: [oldPath(GLOBAL)],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  handle: async (deps: AccountDataDeps, { params, body, requester }) => {
    await setAccountData(deps, requester, { ...params, roomId: undefined }, body);
    return { body: {} };
  },
});

const getGlobal = endpoint({
  name: 'getAccountData',
  method: 'GET',
  path: GLOBAL,
  alsoAt: [oldPath(GLOBAL)],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: AccountDataDeps, { params, requester }) => ({
    body: await getAccountData(deps, requester, { ...params, roomId: undefined }),
  }),
});

const setOfRoom = endpoint({
  name: 'setAccountDataPerRoom',
  method: 'PUT',
  path: OF_ROOM,
  alsoAt: [oldPath(OF_ROOM)],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  handle: async (deps: RoomDataDeps, { params, body, requester }) => {
    await requireKnownRoom(deps, requester, params.roomId);
    await setAccountData(deps, requester, params, body);
    return { body: {} };
  },
});

const getOfRoom = endpoint({
  name: 'getAccountDataPerRoom',
  method: 'GET',
  path: OF_ROOM,
  alsoAt: [oldPath(OF_ROOM)],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: AccountDataDeps, { params, requester }) => ({
    body: await getAccountData(deps, requester, params),
  }),
});

const deleteGlobal = endpoint({
  name: 'deleteAccountData',
  method: 'DELETE',
  path: `${DELETION}/account_data/{type}`,
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: AccountDataDeps, { params, requester }) => {
    await removeAccountData(deps, requester, { ...params, roomId: undefined });
    return { body: {} };
  },
});

const deleteOfRoom = endpoint({
  name: 'deleteAccountDataPerRoom',
  method: 'DELETE',
  path: `${DELETION}/rooms/{roomId}/account_data/{type}`,
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: RoomDataDeps, { params, requester }) => {
    await requireKnownRoom(deps, requester, params.roomId);
    await removeAccountData(deps, requester, params);
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#client-config */
export const accountDataEndpoints: readonly Endpoint<RoomDataDeps>[] = [
  setGlobal,
  getGlobal,
  setOfRoom,
  getOfRoom,
  deleteGlobal,
  deleteOfRoom,
];
