import { z } from 'zod';
import {
  changeToken,
  getToken,
  listTokens,
  makeToken,
  removeToken,
  type RegistrationTokenDeps,
  type TokenBounds,
} from '../accounts/manage-registration-tokens.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { KnownRegistrationToken } from '../storage/registration-tokens.ts';
import type { JsonObject } from '../util/json.ts';

const boundsShape = { uses_allowed: z.number().nullish(), expiry_time: z.number().nullish() };

const listRegistrationTokens = endpoint({
  name: 'listRegistrationTokens',
  method: 'GET',
  path: '/_synapse/admin/v1/registration_tokens',
  auth: 'admin',
  rateLimit: 'read',
  query: z.object({ valid: z.enum(['true', 'false']).optional() }),
  handle: async (deps: RegistrationTokenDeps, { query }) => {
    const isValid = query.valid === undefined ? undefined : query.valid === 'true';
    return { body: { registration_tokens: (await listTokens(deps, isValid)).map(tokenBody) } };
  },
});

const createRegistrationToken = endpoint({
  name: 'createRegistrationToken',
  method: 'POST',
  path: '/_synapse/admin/v1/registration_tokens/new',
  auth: 'admin',
  rateLimit: 'write',
  body: z.object({ ...boundsShape, token: z.string().nullish(), length: z.number().nullish() }),
  handle: async (deps: RegistrationTokenDeps, { body }) => ({
    body: tokenBody(
      await makeToken(deps, {
        ...boundsOf(body),
        token: body.token ?? undefined,
        length: body.length ?? undefined,
      }),
    ),
  }),
});

const getRegistrationToken = endpoint({
  name: 'getRegistrationToken',
  method: 'GET',
  path: '/_synapse/admin/v1/registration_tokens/{token}',
  auth: 'admin',
  rateLimit: 'read',
  handle: async (deps: RegistrationTokenDeps, { params }) => ({
    body: tokenBody(await getToken(deps, params.token)),
  }),
});

const updateRegistrationToken = endpoint({
  name: 'updateRegistrationToken',
  method: 'PUT',
  path: '/_synapse/admin/v1/registration_tokens/{token}',
  auth: 'admin',
  rateLimit: 'write',
  body: z.object(boundsShape),
  handle: async (deps: RegistrationTokenDeps, { params, body }) => ({
    body: tokenBody(await changeToken(deps, params.token, boundsOf(body))),
  }),
});

const deleteRegistrationToken = endpoint({
  name: 'deleteRegistrationToken',
  method: 'DELETE',
  path: '/_synapse/admin/v1/registration_tokens/{token}',
  auth: 'admin',
  rateLimit: 'write',
  handle: async (deps: RegistrationTokenDeps, { params }) => {
    await removeToken(deps, params.token);
    return { body: {} };
  },
});

/** The tokens of m.login.registration_token, managed the way Synapse's administration tools do it. */
export const registrationTokensEndpoints: readonly Endpoint<RegistrationTokenDeps>[] = [
  listRegistrationTokens,
  createRegistrationToken,
  getRegistrationToken,
  updateRegistrationToken,
  deleteRegistrationToken,
];

function boundsOf(body: {
  readonly uses_allowed?: number | null | undefined;
  readonly expiry_time?: number | null | undefined;
}): TokenBounds {
  return { usesAllowed: body.uses_allowed, expiresTs: body.expiry_time };
}

function tokenBody(known: KnownRegistrationToken): JsonObject {
  return {
    token: known.token,
    uses_allowed: known.usesAllowed ?? null,
    pending: known.pending,
    completed: known.completed,
    expiry_time: known.expiresTs ?? null,
  };
}
