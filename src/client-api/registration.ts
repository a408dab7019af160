import { z } from 'zod';
import {
  checkRegistrationToken,
  checkUsernameOpen,
  registerGuest,
  registerUser,
  type Registered,
  type RegistrationDeps,
} from '../accounts/register.ts';
import { registerForAppservice } from '../accounts/appservice-users.ts';
import type { SessionWishes } from '../accounts/login-session.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { missingParam } from '../matrix/errors.ts';
import type { JsonObject } from '../util/json.ts';
import { APPSERVICE_LOGIN, requireAppservice } from './appservice-caller.ts';
import { loginBody, sessionFields, toSessionWishes } from './login-session.ts';
import { bodyWithFields, storedText } from './request-body.ts';
import { oldPath } from './room-fields.ts';

const registrationShape = z.object({
  ...sessionFields,
  username: z.string().optional(),
  password: z.string().optional(),
  inhibit_login: z.boolean().default(false),
  type: z.string().optional(),
});

const register = endpoint({
  name: 'register',
  method: 'POST',
  path: '/_matrix/client/v3/register',
  alsoAt: [oldPath('/_matrix/client/v3/register')],
  auth: 'none-or-appservice',
  rateLimit: 'registration',
  body: bodyWithFields(registrationShape),
  query: z.object({ kind: z.enum(['user', 'guest']).default('user') }),
  handle: async (deps: RegistrationDeps, { body, query, requester, ip, userAgent }) => {
    const { fields } = body;
    const session = toSessionWishes(fields);
    const origin = { ip, userAgent };
    if (fields.type === APPSERVICE_LOGIN) {
      const user = { username: requireName(fields.username), session: wanted(fields, session) };
      const appservice = requireAppservice(requester);
      return { body: registeredBody(await registerForAppservice(deps, appservice, user, origin)) };
    }
    if (query.kind === 'guest') return { body: registeredBody(await registerGuest(deps, session, origin)) };
    const result = await registerUser(
      deps,
      {
        username: fields.username,
        password: fields.password,
        session: wanted(fields, session),
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
  alsoAt: [oldPath('/_matrix/client/v3/register/available')],
  auth: 'none',
  rateLimit: 'registration',
  query: z.object({ username: z.string() }),
  handle: async (deps: Pick<RegistrationDeps, 'db' | 'serverName' | 'appservices'>, { query }) => {
    await checkUsernameOpen(deps, query.username);
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

function wanted(
  fields: { readonly inhibit_login: boolean },
  session: SessionWishes,
): SessionWishes | undefined {
  return fields.inhibit_login ? undefined : session;
}

function requireName(username: string | undefined): string {
  if (username === undefined) throw missingParam('Missing parameter: username');
  return username;
}

/** A new account as registration answers it: without a login only the user id. */
export function registeredBody(registered: Registered): JsonObject {
  return registered.login === undefined ? { user_id: registered.userId } : loginBody(registered.login);
}
