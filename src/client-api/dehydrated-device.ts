import { z } from 'zod';
import {
  deleteDehydratedDevice,
  dehydrateDevice,
  getDehydratedDevice,
  listDehydratedMessages,
  type DehydrationDeps,
} from '../devices/dehydrated-device.ts';
import { readStoredObject } from '../devices/key-json.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { deviceIdField, storedText } from './request-body.ts';

const PATH = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device';

const putDehydratedDevice = endpoint({
  name: 'putDehydratedDevice',
  method: 'PUT',
  path: PATH,
  auth: 'user',
  rateLimit: 'write',
  body: z.object({
    device_id: deviceIdField,
    device_data: jsonObject.refine(
      (data) => typeof data['algorithm'] === 'string',
      'expected an object that names its algorithm',
    ),
    initial_device_display_name: storedText.max(1024).nullish(),
    device_keys: jsonObject,
    one_time_keys: jsonObject.optional(),
    fallback_keys: jsonObject.optional(),
  }),
  handle: async (deps: DehydrationDeps, { body, requester }) => {
    await dehydrateDevice(deps, requester, {
      deviceId: body.device_id,
      deviceData: body.device_data,
      displayName: body.initial_device_display_name ?? undefined,
      deviceKeys: body.device_keys,
      oneTimeKeys: body.one_time_keys,
      fallbackKeys: body.fallback_keys,
    });
    return { body: { device_id: body.device_id } };
  },
});

const getDehydratedDeviceEndpoint = endpoint({
  name: 'getDehydratedDevice',
  method: 'GET',
  path: PATH,
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: Pick<DehydrationDeps, 'db'>, { requester }) => {
    const { deviceId, deviceData } = await getDehydratedDevice(deps, requester.userNid);
    return { body: { device_id: deviceId, device_data: deviceData } };
  },
});

const deleteDehydratedDeviceEndpoint = endpoint({
  name: 'deleteDehydratedDevice',
  method: 'DELETE',
  path: PATH,
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: DehydrationDeps, { requester }) => ({
    body: { device_id: await deleteDehydratedDevice(deps, requester.userNid) },
  }),
});

const getDehydratedDeviceEvents = endpoint({
  name: 'getDehydratedDeviceEvents',
  method: 'POST',
  path: `${PATH}/{deviceId}/events`,
  auth: 'user',
  rateLimit: 'read',
  body: z.object({ next_batch: z.string().nullish() }),
  bodyOptional: true,
  handle: async (deps: Pick<DehydrationDeps, 'db'>, { params, body, requester }) => {
    const since = body.next_batch ?? undefined;
    const batch = await listDehydratedMessages(deps, requester.userNid, params.deviceId, since);
    const events = batch.messages.map(({ sender, type, content }) => ({
      sender,
      type,
      content: readStoredObject(content),
    }));
    return { body: { events, next_batch: batch.nextBatch } };
  },
});

/** https://github.com/matrix-org/matrix-spec-proposals/pull/3814 */
export const dehydratedDeviceEndpoints: readonly Endpoint<DehydrationDeps>[] = [
  putDehydratedDevice,
  getDehydratedDeviceEndpoint,
  deleteDehydratedDeviceEndpoint,
  getDehydratedDeviceEvents,
];
