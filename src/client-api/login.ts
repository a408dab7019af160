import { z } from 'zod';
import { logInByPassword, refreshTokens, type LoginDeps } from '../accounts/login.ts';
import { logInByToken } from '../accounts/login-token.ts';
import { logInForAppservice } from '../accounts/appservice-users.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { Appservice } from '../matrix/appservices.ts';
import { missingParam, unknownError } from '../matrix/errors.ts';
import { APPSERVICE_LOGIN, requireAppservice } from './appservice-caller.ts';
import { loginBody, sessionFields, toSessionWishes, tokensBody } from './login-session.ts';
import { oldPath } from './room-fields.ts';

interface AppserviceLoginDeps {
  readonly appservices: readonly Appservice[];
}

const getLoginFlows = endpoint({
  name: 'getLoginFlows',
  method: 'GET',
  path: '/_matrix/client/v3/login',
  alsoAt: [oldPath('/_matrix/client/v3/login')],
  auth: 'none',
  rateLimit: 'read',
  handle: (deps: Pick<AppserviceLoginDeps, 'appservices'>) => ({
    body: {
      flows: [
        { type: 'm.login.password' },
        { type: 'm.login.token', get_login_token: true },
        ...(deps.appservices.length === 0 ? [] : [{ type: APPSERVICE_LOGIN }]),
      ],
    },
  }),
});

const loginShape = z.object({
  ...sessionFields,
  type: z.string(),
  identifier: z.looseObject({ type: z.string(), user: z.string().optional() }).optional(),
  user: z.string().optional(),
  password: z.string().optional(),
  token: z.string().optional(),
});

const login = endpoint({
  name: 'login',
  method: 'POST',
  path: '/_matrix/client/v3/login',
  alsoAt: [oldPath('/_matrix/client/v3/login')],
  auth: 'none-or-appservice',
  rateLimit: 'login',
  body: loginShape,
  handle: async (deps: LoginDeps, { body, requester, ip, userAgent }) => {
    const session = toSessionWishes(body);
    const origin = { ip, userAgent };
    if (body.type === APPSERVICE_LOGIN) {
      const login = { user: requireUser(body), session };
      return { body: loginBody(await logInForAppservice(deps, requireAppservice(requester), login, origin)) };
    }
    if (body.type !== 'm.login.token') {
      const login = { ...requireCredentials(body), session };
      return { body: loginBody(await logInByPassword(deps, login, origin)) };
    }
    if (body.token === undefined) throw missingParam('Missing parameter: token');
    return { body: loginBody(await logInByToken(deps, { token: body.token, session }, origin)) };
  },
});

const refresh = endpoint({
  name: 'refresh',
  method: 'POST',
  path: '/_matrix/client/v3/refresh',
  auth: 'none',
  rateLimit: 'login',
  body: z.object({ refresh_token: z.string() }),
  handle: async (deps: Pick<LoginDeps, 'db' | 'clock' | 'random'>, { body }) => ({
    body: tokensBody(await refreshTokens(deps, body.refresh_token)),
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#legacy-login */
export const loginEndpoints: readonly Endpoint<LoginDeps & AppserviceLoginDeps>[] = [
  getLoginFlows,
  login,
  refresh,
];

function requireCredentials(body: z.infer<typeof loginShape>): {
  readonly user: string;
  readonly password: string;
} {
  if (body.type !== 'm.login.password') throw unknownError(`Login by ${body.type} is not offered`);
  const user = requireUser(body);
  if (body.password === undefined) throw missingParam('Missing parameter: password');
  return { user, password: body.password };
}

function requireUser(body: z.infer<typeof loginShape>): string {
  if (body.identifier !== undefined && body.identifier.type !== 'm.id.user') {
    throw unknownError(`Users are not known by ${body.identifier.type} here`);
  }
  // Before identifiers there was `user`, which older clients still send.
  const user = body.identifier?.user ?? body.user;
  if (user === undefined) throw missingParam('Missing parameter: identifier.user');
  return user;
}
