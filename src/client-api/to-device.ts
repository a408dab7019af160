import { z } from 'zod';
import { sendToDevice, type ToDeviceDeps } from '../devices/to-device.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { oldPath } from './room-fields.ts';

const sendToDeviceEndpoint = endpoint({
  name: 'sendToDevice',
  method: 'PUT',
  path: '/_matrix/client/v3/sendToDevice/{eventType}/{txnId}',
  alsoAt: [oldPath('/_matrix/client/v3/sendToDevice/{eventType}/{txnId}')],
  auth: 'guest-ok',
  rateLimit: 'write',
  body: z.object({ messages: jsonObject }),
  handle: async (deps: ToDeviceDeps, { params, body, requester }) => {
    const request = { type: params.eventType, txnId: params.txnId, messages: body.messages };
    await sendToDevice(deps, requester, request);
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging */
export const toDeviceEndpoints: readonly Endpoint<ToDeviceDeps>[] = [sendToDeviceEndpoint];
