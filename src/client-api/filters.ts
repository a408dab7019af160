import { defineFilter, getStoredFilter } from '../accounts/filters.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import type { Db } from '../storage/database.ts';
import { oldPath } from './room-fields.ts';

interface FilterDeps {
  readonly db: Db;
}

const defineFilterEndpoint = endpoint({
  name: 'defineFilter',
  method: 'POST',
  path: '/_matrix/client/v3/user/{userId}/filter',
  alsoAt: [oldPath('/_matrix/client/v3/user/{userId}/filter')],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  handle: async (deps: FilterDeps, { params, body, requester }) => ({
    body: { filter_id: await defineFilter(deps, requester, params.userId, body) },
  }),
});

const getFilter = endpoint({
  name: 'getFilter',
  method: 'GET',
  path: '/_matrix/client/v3/user/{userId}/filter/{filterId}',
  alsoAt: [oldPath('/_matrix/client/v3/user/{userId}/filter/{filterId}')],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: FilterDeps, { params, requester }) => ({
    body: await getStoredFilter(deps, requester, params.userId, params.filterId),
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#filtering */
export const filterEndpoints: readonly Endpoint<FilterDeps>[] = [defineFilterEndpoint, getFilter];
