import { forbidden, missingParam } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import {
  deleteCrossSigningKeys,
  deleteMasterKeySignaturesBy,
  deleteMasterKeySignaturesOf,
  listCrossSigningKeys,
  putCrossSigningKey,
  type KeyUsage,
} from '../storage/cross-signing.ts';
import { allotPositions, inTransaction, type Db, type Tx } from '../storage/database.ts';
import { deleteDeviceKeySignaturesOf } from '../storage/device-keys.ts';
import { listDevices, recordDeviceListChanges } from '../storage/devices.ts';
import type { JsonObject } from '../util/json.ts';
import {
  parseCrossSigningKey,
  readCrossSigningKey,
  requireMasterSignature,
  type CrossSigningKey,
} from './cross-signing-keys.ts';
import { isSameKey } from './key-json.ts';

export interface CrossSigningDeps {
  readonly db: Db;
  /** Told after the commit that others must look at this user's devices again. */
  readonly deviceListChanged: (userNid: number) => void;
}

/** Keys as a client uploads them, by usage; what is absent stays, unless it goes with the master key. */
export type CrossSigningUpload = Readonly<Partial<Record<KeyUsage, JsonObject | undefined>>>;

/** `needs-authentication`: nothing was stored; come again once the user has authenticated. */
export type CrossSigningOutcome = 'stored' | 'needs-authentication';

const USAGES: readonly KeyUsage[] = ['master', 'self_signing', 'user_signing'];

/** What `device_list_changes` calls a user's cross-signing keys. */
const NO_DEVICE = '';

/**
 * Stores a user's cross-signing keys, all or none. The first ones, and the same ones again, need no authentication;
 * others do once there is a master key. Keys that a master key has signed go with it. Throws 400: M_INVALID_PARAM,
 * M_MISSING_PARAM when there is no master key, M_INVALID_SIGNATURE; 403 M_FORBIDDEN for a key that is called like one
 * of the user's devices. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload
 */
export async function uploadCrossSigningKeys(
  deps: CrossSigningDeps,
  owner: { readonly userNid: number; readonly userId: UserId },
  upload: CrossSigningUpload,
  isAuthenticated: boolean,
): Promise<CrossSigningOutcome> {
  const given = USAGES.flatMap((usage): CrossSigningKey[] => {
    const value = upload[usage];
    return value === undefined ? [] : [parseCrossSigningKey(owner.userId, usage, value)];
  });
  const outcome = await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    const known = (await listCrossSigningKeys(tx, [owner.userNid])).map(readCrossSigningKey);
    const changed = given.filter((key) => !isKnown(known, key));
    const master = keyOf(given, 'master') ?? keyOf(known, 'master');
    if (master === undefined) throw missingParam('There is no master key: master_key is required');
    if (changed.length === 0) return 'unchanged';
    await refuseDeviceNames(tx, owner.userNid, given);
    for (const key of given) if (key.usage !== 'master') requireMasterSignature(owner.userId, master, key);
    if (keyOf(known, 'master') !== undefined && !isAuthenticated) return 'needs-authentication';
    await replaceKeys(tx, owner.userNid, given, changed);
    await recordDeviceListChanges(tx, owner.userNid, [NO_DEVICE], position);
    return 'stored';
  });
  if (outcome === 'stored') deps.deviceListChanged(owner.userNid);
  return outcome === 'unchanged' ? 'stored' : outcome;
}

/** Forgets a user's cross-signing keys and all that was signed with them or on them; others look again at `position`. */
export async function deleteCrossSigning(tx: Tx, userNid: number, position: number): Promise<void> {
  await deleteCrossSigningKeys(tx, userNid, USAGES);
  await deleteMasterKeySignaturesOf(tx, userNid);
  await deleteMasterKeySignaturesBy(tx, userNid);
  await recordDeviceListChanges(tx, userNid, [NO_DEVICE], position);
}

async function replaceKeys(
  tx: Tx,
  userNid: number,
  given: readonly CrossSigningKey[],
  changed: readonly CrossSigningKey[],
): Promise<void> {
  const isReplaced = (usage: KeyUsage): boolean => keyOf(changed, usage) !== undefined;
  if (isReplaced('master')) {
    await deleteMasterKeySignaturesOf(tx, userNid);
    await deleteCrossSigningKeys(tx, userNid, USAGES);
  }
  if (isReplaced('master') || isReplaced('self_signing')) await deleteDeviceKeySignaturesOf(tx, userNid);
  if (isReplaced('master') || isReplaced('user_signing')) await deleteMasterKeySignaturesBy(tx, userNid);
  for (const { usage, publicKey, json } of given) {
    await putCrossSigningKey(tx, userNid, { usage, publicKey, key: JSON.stringify(json) });
  }
}

/** A signature is named by a device or by a public key: the two must not be confused. */
async function refuseDeviceNames(tx: Tx, userNid: number, keys: readonly CrossSigningKey[]): Promise<void> {
  const deviceIds = new Set<string>((await listDevices(tx, userNid)).map((device) => device.deviceId));
  const taken = keys.find((key) => deviceIds.has(key.publicKey));
  if (taken !== undefined) throw forbidden(`${taken.usage}_key: a device is called ${taken.publicKey}`);
}

function isKnown(known: readonly CrossSigningKey[], key: CrossSigningKey): boolean {
  const stored = keyOf(known, key.usage);
  return stored !== undefined && isSameKey(stored.json, key.json);
}

function keyOf(keys: readonly CrossSigningKey[], usage: KeyUsage): CrossSigningKey | undefined {
  return keys.find((key) => key.usage === usage);
}
