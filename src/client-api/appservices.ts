import { z } from 'zod';
import { pingAppservice } from '../appservices/ping.ts';
import {
  getProtocol,
  listProtocols,
  searchMatrixId,
  searchProtocol,
  type ThirdPartyDeps,
} from '../appservices/third-party.ts';
import { publishRoomOnNetwork } from '../directory/published-rooms.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { forbidden } from '../matrix/errors.ts';
import type { Db } from '../storage/database.ts';
import { requireAppservice } from './appservice-caller.ts';
import { oldPath } from './room-fields.ts';

export interface AppservicesDeps extends ThirdPartyDeps {
  readonly db: Db;
}

const ping = endpoint({
  name: 'pingAppservice',
  method: 'POST',
  path: '/_matrix/client/v1/appservice/{appserviceId}/ping',
  auth: 'user',
  rateLimit: 'write',
  body: z.object({ transaction_id: z.string().optional() }),
  bodyOptional: true,
  handle: async (deps: AppservicesDeps, { params, body, requester }) => {
    const appservice = requireAppservice(requester);
    if (appservice.id !== params.appserviceId)
      throw forbidden('The access token is that of another application service');
    return { body: { duration_ms: await pingAppservice(deps, appservice, body.transaction_id) } };
  },
});

const NETWORK_ROOM = '/_matrix/client/v3/directory/list/appservice/{networkId}/{roomId}';

const updateRoomDirectory = endpoint({
  name: 'updateAppserviceRoomDirectoryVisibility',
  method: 'PUT',
  path: NETWORK_ROOM,
  alsoAt: [oldPath(NETWORK_ROOM)],
  auth: 'user',
  rateLimit: 'write',
  body: z.object({ visibility: z.enum(['public', 'private']) }),
  handle: async (deps: AppservicesDeps, { params, body, requester }) => {
    const { networkId, roomId } = params;
    const instance = { appserviceId: requireAppservice(requester).id, networkId };
    await publishRoomOnNetwork(deps, instance, roomId, body.visibility === 'public');
    return { body: {} };
  },
});

const getProtocols = endpoint({
  name: 'getProtocols',
  method: 'GET',
  path: '/_matrix/client/v3/thirdparty/protocols',
  alsoAt: [oldPath('/_matrix/client/v3/thirdparty/protocols')],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: async (deps: AppservicesDeps) => ({ body: await listProtocols(deps) }),
});

const getProtocolMetadata = endpoint({
  name: 'getProtocolMetadata',
  method: 'GET',
  path: '/_matrix/client/v3/thirdparty/protocol/{protocol}',
  alsoAt: [oldPath('/_matrix/client/v3/thirdparty/protocol/{protocol}')],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: async (deps: AppservicesDeps, { params }) => ({ body: await getProtocol(deps, params.protocol) }),
});

/** Those by which a request authenticates are not the services' to see. */
const OWN_PARAMETERS = ['access_token', 'user_id', 'device_id', 'org.matrix.msc3202.device_id'];

/** Every other parameter is a field to search by. */
const fieldsQuery = z.record(z.string(), z.string()).transform((query) => {
  const fields = new URLSearchParams(query);
  for (const name of OWN_PARAMETERS) fields.delete(name);
  return fields;
});

const queryLocationByProtocol = endpoint({
  name: 'queryLocationByProtocol',
  method: 'GET',
  path: '/_matrix/client/v3/thirdparty/location/{protocol}',
  alsoAt: [oldPath('/_matrix/client/v3/thirdparty/location/{protocol}')],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: fieldsQuery,
  handle: async (deps: AppservicesDeps, { params, query }) => ({
    body: await searchProtocol(deps, 'location', params.protocol, query),
  }),
});

const queryUserByProtocol = endpoint({
  name: 'queryUserByProtocol',
  method: 'GET',
  path: '/_matrix/client/v3/thirdparty/user/{protocol}',
  alsoAt: [oldPath('/_matrix/client/v3/thirdparty/user/{protocol}')],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: fieldsQuery,
  handle: async (deps: AppservicesDeps, { params, query }) => ({
    body: await searchProtocol(deps, 'user', params.protocol, query),
  }),
});

const queryLocationByAlias = endpoint({
  name: 'queryLocationByAlias',
  method: 'GET',
  path: '/_matrix/client/v3/thirdparty/location',
  alsoAt: [oldPath('/_matrix/client/v3/thirdparty/location')],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: z.object({ alias: z.string() }),
  handle: async (deps: AppservicesDeps, { query }) => ({
    body: await searchMatrixId(deps, 'location', new URLSearchParams(query)),
  }),
});

const queryUserById = endpoint({
  name: 'queryUserByID',
  method: 'GET',
  path: '/_matrix/client/v3/thirdparty/user',
  alsoAt: [oldPath('/_matrix/client/v3/thirdparty/user')],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: z.object({ userid: z.string() }),
  handle: async (deps: AppservicesDeps, { query }) => ({
    body: await searchMatrixId(deps, 'user', new URLSearchParams(query)),
  }),
});

/**
 * What application services ask of this server, and what clients ask of them.
 * https://spec.matrix.org/v1.19/client-server-api/#third-party-networks
 */
export const appserviceEndpoints: readonly Endpoint<AppservicesDeps>[] = [
  ping,
  updateRoomDirectory,
  getProtocols,
  getProtocolMetadata,
  queryLocationByProtocol,
  queryUserByProtocol,
  queryLocationByAlias,
  queryUserById,
];
