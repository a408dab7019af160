import { z } from 'zod';
import { searchUsers, type UserSearchDeps } from '../directory/search-users.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { oldPath } from './room-fields.ts';

const SEARCH = '/_matrix/client/v3/user_directory/search';
const USERS_BY_DEFAULT = 10;
const MOST_USERS = 50;

const searchUserDirectory = endpoint({
  name: 'searchUserDirectory',
  method: 'POST',
  path: SEARCH,
  alsoAt: [oldPath(SEARCH)],
  auth: 'user',
  rateLimit: 'search',
  body: z.object({
    search_term: z.string(),
    limit: z
      .int()
      .min(0)
      .transform((limit) => Math.min(Math.max(1, limit), MOST_USERS))
      .default(USERS_BY_DEFAULT),
  }),
  handle: async (deps: UserSearchDeps, { body, requester }) => {
    const { results, limited } = await searchUsers(deps, requester, body.search_term, body.limit);
    return { body: { results, limited } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#user-directory */
export const userDirectoryEndpoints: readonly Endpoint<UserSearchDeps>[] = [searchUserDirectory];
