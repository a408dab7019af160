import { z } from 'zod';
import { issueLoginToken, type LoginTokenDeps } from '../accounts/login-token.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { bodyWithFields } from './request-body.ts';

const generateLoginToken = endpoint({
  name: 'generateLoginToken',
  method: 'POST',
  path: '/_matrix/client/v1/login/get_token',
  auth: 'user',
  rateLimit: 'login',
  body: bodyWithFields(z.object({})),
  handle: async (deps: LoginTokenDeps, { body, requester }) => {
    const result = await issueLoginToken(deps, requester, body.whole);
    return result.kind === 'challenge'
      ? { status: 401, body: result.body }
      : { body: { login_token: result.token, expires_in_ms: result.expiresInMs } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#token-based-login */
export const loginTokenEndpoints: readonly Endpoint<LoginTokenDeps>[] = [generateLoginToken];
