import { z } from 'zod';
import { authenticateInteractively, type InteractiveAuthDeps } from '../accounts/interactive-auth.ts';
import {
  forgetDevices,
  getDevice,
  listOwnDevices,
  putDevice,
  renameDevice,
  type DeviceDeps,
} from '../devices/devices.ts';
import { endpoint, type Endpoint, type Reply, type Requester } from '../http/endpoint.ts';
import type { DeviceId } from '../matrix/identifiers.ts';
import type { Device } from '../storage/devices.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';
import { bodyWithFields, deviceIdField, storedText } from './request-body.ts';
import { oldPath } from './room-fields.ts';

type DeletionDeps = DeviceDeps & InteractiveAuthDeps;
type PutDeviceDeps = DeviceDeps & { readonly clock: Clock };

const getDevices = endpoint({
  name: 'getDevices',
  method: 'GET',
  path: '/_matrix/client/v3/devices',
  alsoAt: [oldPath('/_matrix/client/v3/devices')],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: async (deps: Pick<DeviceDeps, 'db'>, { requester }) => ({
    body: { devices: (await listOwnDevices(deps, requester.userNid)).map(deviceBody) },
  }),
});

const getDeviceEndpoint = endpoint({
  name: 'getDevice',
  method: 'GET',
  path: '/_matrix/client/v3/devices/{deviceId}',
  alsoAt: [oldPath('/_matrix/client/v3/devices/{deviceId}')],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: async (deps: Pick<DeviceDeps, 'db'>, { params, requester }) => ({
    body: deviceBody(await getDevice(deps, requester.userNid, params.deviceId)),
  }),
});

const updateDevice = endpoint({
  name: 'updateDevice',
  method: 'PUT',
  path: '/_matrix/client/v3/devices/{deviceId}',
  alsoAt: [oldPath('/_matrix/client/v3/devices/{deviceId}')],
  auth: 'guest-ok',
  rateLimit: 'write',
  body: z.object({ display_name: storedText.max(1024).optional() }),
  handle: async (deps: PutDeviceDeps, { params, body, requester, ip, userAgent }) => {
    if (requester.appservice !== undefined) {
      const device = { deviceId: params.deviceId, displayName: body.display_name };
      const isMade = await putDevice(deps, requester.userNid, device, { ip, userAgent });
      return { status: isMade ? 201 : 200, body: {} };
    }
    await renameDevice(deps, requester.userNid, params.deviceId, body.display_name);
    return { body: {} };
  },
});

const deleteDevice = endpoint({
  name: 'deleteDevice',
  method: 'DELETE',
  path: '/_matrix/client/v3/devices/{deviceId}',
  alsoAt: [oldPath('/_matrix/client/v3/devices/{deviceId}')],
  auth: 'user',
  rateLimit: 'login',
  body: bodyWithFields(z.object({})),
  bodyOptional: true,
  handle: async (deps: DeletionDeps, { params, body, requester }) =>
    deleteAuthenticated(deps, requester, `deleteDevice/${params.deviceId}`, [params.deviceId], body.whole),
});

const deleteDevices = endpoint({
  name: 'deleteDevices',
  method: 'POST',
  path: '/_matrix/client/v3/delete_devices',
  alsoAt: [oldPath('/_matrix/client/v3/delete_devices')],
  auth: 'user',
  rateLimit: 'login',
  body: bodyWithFields(z.object({ devices: z.array(deviceIdField) })),
  handle: async (deps: DeletionDeps, { body, requester }) =>
    deleteAuthenticated(deps, requester, 'deleteDevices', body.fields.devices, body.whole),
});

/** https://spec.matrix.org/v1.19/client-server-api/#device-management */
export const deviceEndpoints: readonly Endpoint<DeletionDeps & PutDeviceDeps>[] = [
  getDevices,
  getDeviceEndpoint,
  updateDevice,
  deleteDevice,
  deleteDevices,
];

async function deleteAuthenticated(
  deps: DeletionDeps,
  requester: Requester,
  action: string,
  deviceIds: readonly DeviceId[],
  body: JsonObject,
): Promise<Reply> {
  // A service has shown who it is, and its users have no passwords.
  if (requester.appservice !== undefined) {
    await forgetDevices(deps, requester.userNid, deviceIds);
    return { body: {} };
  }
  const auth = await authenticateInteractively(deps, {
    action,
    flows: [['m.login.password']],
    user: requester,
    body,
    binding: 'fixed',
  });
  if (auth.kind === 'challenge') return { status: 401, body: auth.body };
  await forgetDevices(deps, requester.userNid, deviceIds);
  return { body: {} };
}

/** matrix-nio drops the whole list when a device lacks one of these keys, so that an unnamed one has an empty name. */
function deviceBody(device: Device): JsonObject {
  return {
    device_id: device.deviceId,
    display_name: device.displayName ?? '',
    ...(device.lastSeenIp === undefined ? {} : { last_seen_ip: device.lastSeenIp }),
    ...(device.lastSeenTs === undefined ? {} : { last_seen_ts: device.lastSeenTs }),
  };
}
