import { z } from 'zod';
import { getOpenIdTokenOwner, requestOpenIdToken } from '../accounts/openid.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { unknownToken } from '../matrix/errors.ts';
import type { ServerName } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import type { Clock } from '../util/clock.ts';
import type { Random } from '../util/random.ts';
import { oldPath } from './room-fields.ts';

interface OpenIdDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly serverName: ServerName;
}

const requestToken = endpoint({
  name: 'requestOpenIdToken',
  method: 'POST',
  path: '/_matrix/client/v3/user/{userId}/openid/request_token',
  alsoAt: [oldPath('/_matrix/client/v3/user/{userId}/openid/request_token')],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  bodyOptional: true,
  handle: async (deps: OpenIdDeps, { params, requester }) => {
    const { token, expiresInMs } = await requestOpenIdToken(deps, requester, params.userId);
    return {
      body: {
        access_token: token,
        token_type: 'Bearer',
        matrix_server_name: deps.serverName,
        expires_in: expiresInMs / 1000,
      },
    };
  },
});

/** Part of the federation API, but called by services that are no homeservers and sign nothing. */
const exchangeOpenIdToken = endpoint({
  name: 'exchangeOpenIdToken',
  method: 'GET',
  path: '/_matrix/federation/v1/openid/userinfo',
  auth: 'none',
  rateLimit: 'read',
  query: z.object({ access_token: z.string().optional() }),
  handle: async (deps: Pick<OpenIdDeps, 'db' | 'clock'>, { query }) => {
    if (query.access_token === undefined) throw unknownToken('An OpenID token is needed as access_token');
    return { body: { sub: await getOpenIdTokenOwner(deps, query.access_token) } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#openid */
export const openIdEndpoints: readonly Endpoint<OpenIdDeps>[] = [requestToken, exchangeOpenIdToken];
