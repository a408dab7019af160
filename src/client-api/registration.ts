import { z } from 'zod';
import {
  checkRegistrationToken,
  checkUsernameFree,
  registerGuest,
  registerUser,
  type Registered,
  type RegistrationDeps,
} from '../accounts/register.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { JsonObject } from '../util/json.ts';
import { loginBody, sessionFields, toSessionWishes } from './login-session.ts';
import { bodyWithFields, storedText } from './request-body.ts';

const registrationShape = z.object({
  ...sessionFields,
  username: z.string().optional(),
  password: z.string().optional(),
  inhibit_login: z.boolean().default(false),
});

const register = endpoint({
  name: 'register',
  method: 'POST',
  path: '/_matrix/client/v3/register',
  auth: 'none',
  rateLimit: 'registration',
  body: bodyWithFields(registrationShape),
  query: z.object({ kind: z.enum(['user', 'guest']).default('user') }),
  handle: async (deps: RegistrationDeps, { body, query, ip, userAgent }) => {
    const { fields } = body;
    const session = toSessionWishes(fields);
    const origin = { ip, userAgent };
    if (query.kind === 'guest') return { body: registeredBody(await registerGuest(deps, session, origin)) };
    const result = await registerUser(
      deps,
      {
        username: fields.username,
        password: fields.password,
        session: fields.inhibit_login ? undefined : session,
        body: body.whole,
      },
      origin,
    );
    return result.kind === 'challenge'
      ? { status: 401, body: result.body }
      : { body: registeredBody(result) };
  },
});

const checkUsernameAvailability = endpoint({
  name: 'checkUsernameAvailability',
  method: 'GET',
  path: '/_matrix/client/v3/register/available',
  auth: 'none',
  rateLimit: 'registration',
  query: z.object({ username: z.string() }),
  handle: async (deps: Pick<RegistrationDeps, 'db' | 'serverName'>, { query }) => {
    await checkUsernameFree(deps, query.username);
    return { body: { available: true } };
  },
});

const registrationTokenValidity = endpoint({
  name: 'registrationTokenValidity',
  method: 'GET',
  path: '/_matrix/client/v1/register/m.login.registration_token/validity',
  auth: 'none',
  rateLimit: 'registration',
  query: z.object({ token: storedText }),
  handle: async (deps: Pick<RegistrationDeps, 'db' | 'clock' | 'registration'>, { query }) => ({
    body: { valid: await checkRegistrationToken(deps, query.token) },
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#legacy-account-registration */
export const registrationEndpoints: readonly Endpoint<RegistrationDeps>[] = [
  register,
  checkUsernameAvailability,
  registrationTokenValidity,
];

/** A new account as registration answers it: without a login only the user id. */
export function registeredBody(registered: Registered): JsonObject {
  return registered.login === undefined ? { user_id: registered.userId } : loginBody(registered.login);
}
