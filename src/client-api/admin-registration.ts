import { z } from 'zod';
import {
  issueRegistrationNonce,
  registerBySharedSecret,
  type SharedSecretDeps,
} from '../accounts/shared-secret-registration.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { sessionFields, toSessionWishes } from './login-session.ts';
import { registeredBody } from './registration.ts';
import { storedText } from './request-body.ts';

const getRegistrationNonce = endpoint({
  name: 'getRegistrationNonce',
  method: 'GET',
  path: '/_synapse/admin/v1/register',
  auth: 'none',
  rateLimit: 'registration',
  handle: async (deps: SharedSecretDeps) => ({ body: { nonce: await issueRegistrationNonce(deps) } }),
});

const registerWithSharedSecret = endpoint({
  name: 'registerBySharedSecret',
  method: 'POST',
  path: '/_synapse/admin/v1/register',
  auth: 'none',
  rateLimit: 'registration',
  body: z.object({
    ...sessionFields,
    nonce: storedText,
    username: z.string(),
    password: z.string(),
    admin: z.boolean().default(false),
    user_type: z.string().nullish(),
    mac: z.string(),
    inhibit_login: z.boolean().default(false),
  }),
  handle: async (deps: SharedSecretDeps, { body, ip, userAgent }) => {
    const { nonce, username, password, mac } = body;
    const session = body.inhibit_login ? undefined : toSessionWishes(body);
    const request = {
      nonce,
      username,
      password,
      mac,
      isAdmin: body.admin,
      userType: body.user_type ?? undefined,
    };
    return {
      body: registeredBody(await registerBySharedSecret(deps, { ...request, session }, { ip, userAgent })),
    };
  },
});

/** Registration by whoever knows the server's secret, as Synapse's tools and Complement call it. */
export const adminRegistrationEndpoints: readonly Endpoint<SharedSecretDeps>[] = [
  getRegistrationNonce,
  registerWithSharedSecret,
];
