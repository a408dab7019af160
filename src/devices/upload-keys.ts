import { invalidParam, unknownToken } from '../matrix/errors.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import { allotPositions, inTransaction, type Db, type Tx } from '../storage/database.ts';
import { findDeviceKeys, putDeviceKeys, setDeviceKeys, type DeviceAddress } from '../storage/device-keys.ts';
import { holdDevice, recordDeviceListChanges } from '../storage/devices.ts';
import { deleteFallbackKeys, putFallbackKeys } from '../storage/fallback-keys.ts';
import {
  countOneTimeKeys,
  deleteOneTimeKeys,
  insertOneTimeKeys,
  listOneTimeKeys,
  recordOneTimeKeyChanges,
  type NamedKey,
} from '../storage/one-time-keys.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import type { JsonObject } from '../util/json.ts';
import { isSameKey, isSameSignedKey, readStoredObject, readStoredValue } from './key-json.ts';
import { ed25519KeyOf, parseDeviceKeys, parseFallbackKeys, parseNamedKeys } from './parse-keys.ts';

export interface KeyUploadDeps {
  readonly db: Db;
  readonly hub: StreamHub;
  /** Told after the commit that others must look at this user's devices again. */
  readonly deviceListChanged: (userNid: number) => void;
}

/** Keys as a client uploads them; what is absent stays as it is. */
export interface KeyUpload {
  readonly deviceKeys?: JsonObject | undefined;
  readonly oneTimeKeys?: JsonObject | undefined;
  readonly fallbackKeys?: JsonObject | undefined;
}

/** The same, parsed. */
export interface ParsedKeyUpload {
  readonly deviceKeys: JsonObject | undefined;
  readonly oneTimeKeys: readonly NamedKey[];
  readonly fallbackKeys: readonly NamedKey[];
}

/** The device whose keys are meant. */
export interface KeyOwner extends DeviceAddress {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
}

/** Clients keep about a hundred; more than this is a mistake. */
const MOST_ONE_TIME_KEYS = 10_000;

/**
 * Stores a device's keys, all or none, and returns how many one-time keys of each algorithm are left. Uploading the
 * same again changes nothing. Throws 400: M_BAD_JSON or M_INVALID_PARAM for malformed keys, those of another device,
 * and a one-time key under the name of another that has not been claimed; 401 M_UNKNOWN_TOKEN when the device has gone.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload
 */
export async function uploadKeys(
  deps: KeyUploadDeps,
  owner: KeyOwner,
  upload: KeyUpload,
): Promise<ReadonlyMap<string, number>> {
  const parsed = parseKeyUpload(owner, upload);
  if (!isEmpty(parsed)) {
    const { position, changed } = await inTransaction(deps.db, async (tx) => {
      const at = await allotPositions(tx, 1);
      if (!(await holdDevice(tx, owner))) throw unknownToken('The device has been logged out');
      return { position: at, changed: await storeKeys(tx, owner, parsed, at) };
    });
    if (changed.identity) deps.deviceListChanged(owner.userNid);
    if (changed.counts) deps.hub.announce({ position, roomNids: [], userNids: [owner.userNid] });
  }
  return countKeysOf(deps.db, owner);
}

/** Parses an upload; throws as {@link uploadKeys} does. */
export function parseKeyUpload(owner: KeyOwner, upload: KeyUpload): ParsedKeyUpload {
  const { deviceKeys, oneTimeKeys, fallbackKeys } = upload;
  return {
    deviceKeys: deviceKeys && parseDeviceKeys(owner, deviceKeys),
    oneTimeKeys: parseNamedKeys('one_time_keys', oneTimeKeys ?? {}),
    fallbackKeys: parseFallbackKeys('fallback_keys', fallbackKeys ?? {}),
  };
}

/** What an upload changed. */
export interface KeyChanges {
  /** Others must look at the device again. */
  readonly identity: boolean;
  /** The number of one-time keys, or whether a fallback key is used. */
  readonly counts: boolean;
}

/** Stores parsed keys within a transaction that allotted `position`. */
export async function storeKeys(
  tx: Tx,
  owner: KeyOwner,
  upload: ParsedKeyUpload,
  position: number,
): Promise<KeyChanges> {
  const change =
    upload.deviceKeys === undefined ? 'none' : await storeDeviceKeys(tx, owner, upload.deviceKeys);
  const added = await storeOneTimeKeys(tx, owner, upload.oneTimeKeys);
  const replaced = await putFallbackKeys(tx, owner, upload.fallbackKeys);
  const identity = change !== 'none';
  const counts = added || replaced || change === 'another-device';
  if (identity) await recordDeviceListChanges(tx, owner.userNid, [owner.deviceId], position);
  if (counts) await recordOneTimeKeyChanges(tx, [owner], position);
  return { identity, counts };
}

/** How many one-time keys are left; some clients take the algorithm that all use for unchanged when it is missing. */
export async function countKeysOf(db: Db, device: DeviceAddress): Promise<ReadonlyMap<string, number>> {
  return new Map([['signed_curve25519', 0], ...(await countOneTimeKeys(db, device))]);
}

/** `another-device`: what was known under this id is gone, and what it had signed with it. */
type IdentityChange = 'none' | 'changed' | 'another-device';

async function storeDeviceKeys(tx: Tx, owner: KeyOwner, keys: JsonObject): Promise<IdentityChange> {
  const text = await findDeviceKeys(tx, owner);
  const known = text === undefined ? undefined : readStoredObject(text);
  if (known !== undefined && isSameKey(known, keys)) {
    if (isSameSignedKey(known, keys)) return 'none';
    await setDeviceKeys(tx, owner, JSON.stringify(keys));
    return 'changed';
  }
  await putDeviceKeys(tx, owner, JSON.stringify(keys));
  const isAnother =
    known !== undefined && ed25519KeyOf(known, owner.deviceId) !== ed25519KeyOf(keys, owner.deviceId);
  if (!isAnother) return 'changed';
  await deleteOneTimeKeys(tx, owner);
  await deleteFallbackKeys(tx, owner);
  return 'another-device';
}

async function storeOneTimeKeys(tx: Tx, owner: KeyOwner, keys: readonly NamedKey[]): Promise<boolean> {
  if (keys.length === 0) return false;
  const known = new Map((await listOneTimeKeys(tx, owner, keys)).map((key) => [nameOf(key), key]));
  const added = keys.filter((key) => {
    const stored = known.get(nameOf(key));
    if (stored === undefined) return true;
    // A key that was given out comes again when its upload is repeated; another one under its name is a new key.
    if (isSameKey(readStoredValue(stored.key), readStoredValue(key.key))) return false;
    if (!stored.isClaimed)
      throw invalidParam(`One-time key ${nameOf(key)} exists already and is another key`);
    return true;
  });
  const counts = await countOneTimeKeys(tx, owner);
  const total = [...counts.values()].reduce((sum, count) => sum + count, added.length);
  if (total > MOST_ONE_TIME_KEYS) throw invalidParam(`A device can have ${MOST_ONE_TIME_KEYS} one-time keys`);
  await insertOneTimeKeys(tx, owner, added);
  return added.length > 0;
}

function nameOf(key: NamedKey): string {
  return `${key.algorithm}:${key.keyId}`;
}

function isEmpty(upload: ParsedKeyUpload): boolean {
  return (
    upload.deviceKeys === undefined && upload.oneTimeKeys.length === 0 && upload.fallbackKeys.length === 0
  );
}
