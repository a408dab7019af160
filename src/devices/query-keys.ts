import { serverNameOf, type DeviceId, type ServerName, type UserId } from '../matrix/identifiers.ts';
import { addSignature } from '../matrix/signing.ts';
import {
  listCrossSigningKeys,
  listMasterKeySignatures,
  type KeyUsage,
  type MasterKeySignature,
  type StoredCrossSigningKey,
} from '../storage/cross-signing.ts';
import type { Db } from '../storage/database.ts';
import { listDeviceKeys, listLocalUsers, type StoredDeviceKeys } from '../storage/device-keys.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import { readStoredObject } from './key-json.ts';

export interface KeyQueryDeps {
  readonly db: Db;
  readonly serverName: ServerName;
}

/** Whose keys are wanted: of these devices, or of all when none is named. */
export type WantedDevices = ReadonlyMap<UserId, readonly DeviceId[]>;

/**
 * The keys of devices and users, in the form of the answer to /keys/query. Users who do not exist and devices without
 * keys are left out. What a user-signing key has signed is shown to its owner only. Servers that cannot be asked are
 * named under `failures`. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery
 */
export async function queryKeys(
  deps: KeyQueryDeps,
  reader: { readonly userNid: number; readonly userId: UserId },
  wanted: WantedDevices,
): Promise<JsonObject> {
  const users = await listLocalUsers(
    deps.db,
    [...wanted.keys()].filter((userId) => serverNameOf(userId) === deps.serverName),
  );
  const userNids = [...users.values()];
  const devices = await listDeviceKeys(deps.db, userNids);
  const keys = await listCrossSigningKeys(deps.db, userNids);
  const signatures = await listMasterKeySignatures(deps.db, userNids, reader.userNid);
  const keysFor = (usage: KeyUsage): JsonObject =>
    Object.fromEntries(
      keys
        .filter((key) => key.usage === usage && (usage !== 'user_signing' || key.userNid === reader.userNid))
        .map((key) => [key.userId, renderCrossSigningKey(key, signatures)]),
    );
  return {
    device_keys: Object.fromEntries(
      [...users.keys()].map((userId) => [userId, renderDevices(userId, wanted.get(userId) ?? [], devices)]),
    ),
    failures: describeUnreachable([...wanted.keys()], deps.serverName),
    master_keys: keysFor('master'),
    self_signing_keys: keysFor('self_signing'),
    user_signing_keys: keysFor('user_signing'),
  };
}

/** `failures` of a request about these users: this server asks no other one. */
export function describeUnreachable(userIds: readonly UserId[], ownName: ServerName): JsonObject {
  const servers = new Set(userIds.map(serverNameOf).filter((server) => server !== ownName));
  const failure: JsonValue = { status: 503, message: 'The server could not be reached' };
  return Object.fromEntries([...servers].map((server) => [server, failure]));
}

function renderDevices(
  userId: UserId,
  wanted: readonly DeviceId[],
  devices: readonly StoredDeviceKeys[],
): JsonObject {
  return Object.fromEntries(
    devices
      .filter((device) => device.userId === userId)
      .filter((device) => wanted.length === 0 || wanted.includes(device.deviceId))
      .map((device) => [device.deviceId, renderDevice(device)]),
  );
}

function renderDevice(device: StoredDeviceKeys): JsonObject {
  let keys = readStoredObject(device.keys);
  for (const [keyId, signature] of device.signatures)
    keys = withSignature(keys, device.userId, keyId, signature);
  const { displayName } = device;
  return displayName === undefined ? keys : { ...keys, unsigned: { device_display_name: displayName } };
}

function renderCrossSigningKey(
  key: StoredCrossSigningKey,
  signatures: readonly (MasterKeySignature & { readonly signerId: UserId })[],
): JsonObject {
  let rendered = readStoredObject(key.key);
  if (key.usage !== 'master') return rendered;
  for (const { userNid, signerId, keyId, signature } of signatures) {
    if (userNid === key.userNid) rendered = withSignature(rendered, signerId, keyId, signature);
  }
  return rendered;
}

function withSignature(key: JsonObject, signer: UserId, keyId: string, signature: string): JsonObject {
  return { ...key, signatures: addSignature(key['signatures'], signer, keyId, signature) };
}
