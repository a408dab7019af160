import { logOut, logOutEverywhere, type LogoutDeps } from '../accounts/logout.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { oldPath } from './room-fields.ts';

const logout = endpoint({
  name: 'logout',
  method: 'POST',
  path: '/_matrix/client/v3/logout',
  alsoAt: [oldPath('/_matrix/client/v3/logout')],
  auth: 'user',
  allowedWhileLocked: true,
  rateLimit: 'write',
  handle: async (deps: LogoutDeps, { requester }) => {
    await logOut(deps, requester);
    return { body: {} };
  },
});

const logoutAll = endpoint({
  name: 'logout_all',
  method: 'POST',
  path: '/_matrix/client/v3/logout/all',
  alsoAt: [oldPath('/_matrix/client/v3/logout/all')],
  auth: 'user',
  allowedWhileLocked: true,
  rateLimit: 'write',
  handle: async (deps: LogoutDeps, { requester }) => {
    await logOutEverywhere(deps, requester.userNid);
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#legacy-login */
export const logoutEndpoints: readonly Endpoint<LogoutDeps>[] = [logout, logoutAll];
