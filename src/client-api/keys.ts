import { z } from 'zod';
import { claimKeys, type KeyClaimDeps, type WantedKey } from '../devices/claim-keys.ts';
import { queryKeys, type KeyQueryDeps, type WantedDevices } from '../devices/query-keys.ts';
import { uploadKeys, type KeyUploadDeps } from '../devices/upload-keys.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { invalidParam, unknownDevice } from '../matrix/errors.ts';
import { parseDeviceId, parseUserId, type DeviceId, type UserId } from '../matrix/identifiers.ts';
import { parseStreamToken } from '../storage/stream-token.ts';
import { listKeyChanges } from '../sync/device-lists.ts';
import type { SyncReadDeps } from '../sync/provider.ts';
import { deviceIdField, storedText } from './request-body.ts';

/** Accepted and without effect: no other server is asked, so that there is nothing to wait for. */
const timeout = z.number().optional();

const uploadKeysEndpoint = endpoint({
  name: 'uploadKeys',
  method: 'POST',
  path: '/_matrix/client/v3/keys/upload',
  alsoAt: ['/_matrix/client/r0/keys/upload'],
  auth: 'guest-ok',
  rateLimit: 'write',
  body: z.object({
    device_keys: jsonObject.optional(),
    one_time_keys: jsonObject.optional(),
    fallback_keys: jsonObject.optional(),
  }),
  handle: async (deps: KeyUploadDeps, { body, requester }) => {
    if (requester.isDeviceless === true) throw unknownDevice('Keys belong to a device, and none was named');
    const counts = await uploadKeys(deps, requester, {
      deviceKeys: body.device_keys,
      oneTimeKeys: body.one_time_keys,
      fallbackKeys: body.fallback_keys,
    });
    return { body: { one_time_key_counts: Object.fromEntries(counts) } };
  },
});

const queryKeysEndpoint = endpoint({
  name: 'queryKeys',
  method: 'POST',
  path: '/_matrix/client/v3/keys/query',
  alsoAt: ['/_matrix/client/r0/keys/query'],
  auth: 'guest-ok',
  rateLimit: 'read',
  body: z.object({ timeout, device_keys: z.record(z.string(), z.array(deviceIdField)) }),
  handle: async (deps: KeyQueryDeps, { body, requester }) => ({
    body: await queryKeys(deps, requester, toWantedDevices(body.device_keys)),
  }),
});

const claimKeysEndpoint = endpoint({
  name: 'claimKeys',
  method: 'POST',
  path: '/_matrix/client/v3/keys/claim',
  alsoAt: ['/_matrix/client/r0/keys/claim'],
  auth: 'guest-ok',
  rateLimit: 'write',
  body: z.object({ timeout, one_time_keys: z.record(z.string(), z.record(z.string(), storedText)) }),
  handle: async (deps: KeyClaimDeps, { body }) => ({
    body: await claimKeys(deps, toWantedKeys(body.one_time_keys)),
  }),
});

const tokenField = z.string().transform((text, context) => {
  const position = parseStreamToken(text);
  if (position !== undefined) return position;
  context.addIssue({ code: 'custom', message: 'not a token that this server handed out' });
  return z.NEVER;
});

const getKeysChanges = endpoint({
  name: 'getKeysChanges',
  method: 'GET',
  path: '/_matrix/client/v3/keys/changes',
  alsoAt: ['/_matrix/client/r0/keys/changes'],
  auth: 'user',
  rateLimit: 'read',
  query: z.object({ from: tokenField, to: tokenField }),
  handle: async (deps: SyncReadDeps, { query, requester }) => {
    const { changed, left } = await listKeyChanges(deps, requester, query.from, query.to);
    return { body: { changed, left } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#key-management-api */
export const keysEndpoints: readonly Endpoint<KeyUploadDeps & KeyQueryDeps & KeyClaimDeps & SyncReadDeps>[] =
  [uploadKeysEndpoint, queryKeysEndpoint, claimKeysEndpoint, getKeysChanges];

function toWantedDevices(byUser: Readonly<Record<string, readonly DeviceId[]>>): WantedDevices {
  return new Map(
    Object.entries(byUser).map(([user, devices]): [UserId, readonly DeviceId[]] => [
      requireUserId('device_keys', user),
      devices,
    ]),
  );
}

function toWantedKeys(byUser: Readonly<Record<string, Readonly<Record<string, string>>>>): WantedKey[] {
  return Object.entries(byUser).flatMap(([user, devices]) => {
    const userId = requireUserId('one_time_keys', user);
    return Object.entries(devices).map(([device, algorithm]): WantedKey => {
      const deviceId = parseDeviceId(device);
      if (deviceId === undefined) throw invalidParam(`one_time_keys.${user}: ${device} is not a device id`);
      return { userId, deviceId, algorithm };
    });
  });
}

function requireUserId(where: string, text: string): UserId {
  const userId = parseUserId(text);
  if (userId === undefined) throw invalidParam(`${where}: ${text} is not a user id`);
  return userId;
}
