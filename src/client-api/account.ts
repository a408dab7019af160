import { z } from 'zod';
import { changePassword, type ChangePasswordDeps } from '../accounts/change-password.ts';
import { deactivateOwnAccount, type DeactivationDeps } from '../accounts/deactivate.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { leaveAllRooms, type LeaveAllDeps } from '../rooms/leave-all-rooms.ts';
import { bodyWithFields } from './request-body.ts';
import { oldPath } from './room-fields.ts';

const whoAmI = endpoint({
  name: 'getTokenOwner',
  method: 'GET',
  path: '/_matrix/client/v3/account/whoami',
  alsoAt: [oldPath('/_matrix/client/v3/account/whoami')],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: (_deps: object, { requester }) => ({
    body: {
      user_id: requester.userId,
      ...(requester.isDeviceless === true ? {} : { device_id: requester.deviceId }),
      is_guest: requester.isGuest,
    },
  }),
});

const changePasswordEndpoint = endpoint({
  name: 'changePassword',
  method: 'POST',
  path: '/_matrix/client/v3/account/password',
  alsoAt: [oldPath('/_matrix/client/v3/account/password')],
  auth: 'user',
  rateLimit: 'login',
  body: bodyWithFields(z.object({ new_password: z.string(), logout_devices: z.boolean().default(true) })),
  handle: async (deps: ChangePasswordDeps, { body, requester }) => {
    const result = await changePassword(deps, requester, {
      newPassword: body.fields.new_password,
      logoutDevices: body.fields.logout_devices,
      body: body.whole,
    });
    return result.kind === 'challenge' ? { status: 401, body: result.body } : { body: {} };
  },
});

const deactivate = endpoint({
  name: 'deactivateAccount',
  method: 'POST',
  path: '/_matrix/client/v3/account/deactivate',
  alsoAt: [oldPath('/_matrix/client/v3/account/deactivate')],
  auth: 'user',
  rateLimit: 'login',
  body: bodyWithFields(z.object({ erase: z.boolean().default(false) })),
  handle: async (deps: DeactivationDeps & LeaveAllDeps, { body, requester }) => {
    const request = { erase: body.fields.erase, body: body.whole };
    const result = await deactivateOwnAccount(deps, requester, request);
    if (result.kind === 'challenge') return { status: 401, body: result.body };
    await leaveAllRooms(deps, requester);
    // No third-party identifiers are bound here, so that none is left over.
    return { body: { id_server_unbind_result: 'success' } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#legacy-account-management */
export const accountEndpoints: readonly Endpoint<ChangePasswordDeps & DeactivationDeps & LeaveAllDeps>[] = [
  whoAmI,
  changePasswordEndpoint,
  deactivate,
];
