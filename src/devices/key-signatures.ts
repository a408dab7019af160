import { badJson, invalidParam, invalidSignature, MatrixError, notFound } from '../matrix/errors.ts';
import { parseUserId, type DeviceId, type UserId } from '../matrix/identifiers.ts';
import { listSignatureKeyIds, verifySignedJson } from '../matrix/signing.ts';
import {
  listCrossSigningKeys,
  putMasterKeySignature,
  type KeyUsage,
  type MasterKeySignature,
  type StoredCrossSigningKey,
} from '../storage/cross-signing.ts';
import { allotPositions, inTransaction, type Db, type Tx } from '../storage/database.ts';
import { listDeviceKeys, putDeviceKeySignature, type StoredDeviceKeys } from '../storage/device-keys.ts';
import { recordDeviceListChanges } from '../storage/devices.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import { findUserNids } from '../storage/users.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { readCrossSigningKey, type CrossSigningKey } from './cross-signing-keys.ts';
import { isSameKey, readStoredObject } from './key-json.ts';
import { ed25519KeyOf } from './parse-keys.ts';

export interface KeySignatureDeps {
  readonly db: Db;
  readonly hub: StreamHub;
  /** Told after the commit that others must look at this user's devices again. */
  readonly deviceListChanged: (userNid: number) => void;
}

interface Signer {
  readonly userNid: number;
  readonly userId: UserId;
}

/** One signed key as it was uploaded: whose, and by which name (a device id, or a public key). */
export interface SignedKey {
  readonly userId: UserId;
  readonly name: string;
  readonly json: JsonObject;
}

/** A signature that was found right. */
type GoodSignature =
  | {
      readonly kind: 'device';
      readonly deviceId: DeviceId;
      readonly keyId: string;
      readonly signature: string;
    }
  | ({ readonly kind: 'master' } & MasterKeySignature);

/**
 * Stores signatures by the user's self-signing key on own devices, by own devices on the own master key, and by the
 * user-signing key on master keys of others. Each key stands for itself: what was wrong is returned by user and key,
 * as error bodies. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload
 */
export async function uploadSignatures(
  deps: KeySignatureDeps,
  signer: Signer,
  signed: readonly SignedKey[],
): Promise<JsonObject> {
  if (signed.length === 0) return {};
  const { failures, position, changed } = await inTransaction(deps.db, async (tx) => {
    const at = await allotPositions(tx, 1);
    const known = await loadKeys(tx, signer, signed);
    const found: Failure[] = [];
    const good = signed.flatMap((key) => judge(known, signer, key, found));
    return { failures: found, position: at, changed: await storeSignatures(tx, signer, good, at) };
  });
  if (changed.own) deps.deviceListChanged(signer.userNid);
  if (changed.others) deps.hub.announce({ position, roomNids: [], userNids: [signer.userNid] });
  return renderFailures(failures);
}

/** Everything that the signatures may be about or made with. */
interface KnownKeys {
  readonly devices: readonly StoredDeviceKeys[];
  readonly crossSigning: readonly StoredCrossSigningKey[];
}

async function loadKeys(tx: Tx, signer: Signer, signed: readonly SignedKey[]): Promise<KnownKeys> {
  const users = await findUserNids(
    tx,
    signed.map((key) => key.userId),
  );
  return {
    devices: await listDeviceKeys(tx, [signer.userNid]),
    crossSigning: await listCrossSigningKeys(tx, [...new Set([signer.userNid, ...users.values()])]),
  };
}

interface Failure {
  readonly key: SignedKey;
  readonly error: MatrixError;
}

function judge(
  known: KnownKeys,
  signer: Signer,
  key: SignedKey,
  failures: Failure[],
): readonly GoodSignature[] {
  try {
    return checkSignatures(known, signer, key);
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    failures.push({ key, error });
    return [];
  }
}

/** The signatures of one key that are to be stored. Throws what is wrong with it. */
function checkSignatures(known: KnownKeys, signer: Signer, key: SignedKey): readonly GoodSignature[] {
  const master = findKey(known, key.userId, 'master');
  if (key.userId !== signer.userId) return checkOthersMaster(known, signer, key, master);
  if (key.name === master?.publicKey) return checkOwnMaster(known, signer, key, master);
  return checkOwnDevice(known, signer, key);
}

function checkOwnDevice(known: KnownKeys, signer: Signer, key: SignedKey): readonly GoodSignature[] {
  const device = known.devices.find((candidate) => candidate.deviceId === key.name);
  if (device === undefined) throw notFound(`${key.name} is neither a device with keys nor the master key`);
  requireSame(readStoredObject(device.keys), key);
  const { keyId, publicKey } = requireKey(known, signer.userId, 'self_signing');
  const signature = requireSignature(key, signer.userId, keyId, publicKey);
  return [{ kind: 'device', deviceId: device.deviceId, keyId, signature }];
}

function checkOwnMaster(
  known: KnownKeys,
  signer: Signer,
  key: SignedKey,
  master: CrossSigningKey,
): readonly GoodSignature[] {
  requireSame(master.json, key);
  const good = listSignatureKeyIds(key.json, signer.userId).flatMap((keyId): GoodSignature[] => {
    const device = known.devices.find((candidate) => keyId === `ed25519:${candidate.deviceId}`);
    const publicKey = device && ed25519KeyOf(readStoredObject(device.keys), device.deviceId);
    // Clients send along what the key was signed with before.
    if (publicKey === undefined) return [];
    const signature = requireSignature(key, signer.userId, keyId, publicKey);
    return [masterSignature(signer, signer.userNid, master, keyId, signature)];
  });
  if (good.length === 0) throw invalidSignature('None of your devices has signed the master key');
  return good;
}

function checkOthersMaster(
  known: KnownKeys,
  signer: Signer,
  key: SignedKey,
  master: CrossSigningKey | undefined,
): readonly GoodSignature[] {
  const owner = known.crossSigning.find((candidate) => candidate.userId === key.userId);
  if (master === undefined || owner === undefined || key.name !== master.publicKey) {
    throw notFound(`${key.name} is not the master key of ${key.userId}`);
  }
  requireSame(master.json, key);
  const { keyId, publicKey } = requireKey(known, signer.userId, 'user_signing');
  const signature = requireSignature(key, signer.userId, keyId, publicKey);
  return [masterSignature(signer, owner.userNid, master, keyId, signature)];
}

function masterSignature(
  signer: Signer,
  userNid: number,
  master: CrossSigningKey,
  keyId: string,
  signature: string,
): GoodSignature {
  return {
    kind: 'master',
    userNid,
    publicKey: master.publicKey,
    signerNid: signer.userNid,
    keyId,
    signature,
  };
}

function findKey(known: KnownKeys, userId: UserId, usage: KeyUsage): CrossSigningKey | undefined {
  const stored = known.crossSigning.find((key) => key.userId === userId && key.usage === usage);
  return stored && readCrossSigningKey(stored);
}

function requireKey(known: KnownKeys, userId: UserId, usage: KeyUsage): CrossSigningKey {
  const key = findKey(known, userId, usage);
  if (key === undefined) throw notFound(`You have no ${usage} key`);
  return key;
}

function requireSame(stored: JsonObject, key: SignedKey): void {
  if (!isSameKey(stored, key.json)) throw invalidParam(`${key.name}: another key than the one that is known`);
}

function requireSignature(key: SignedKey, signer: UserId, keyId: string, publicKey: string): string {
  const { signatures } = key.json;
  const own = isJsonObject(signatures) ? signatures[signer] : undefined;
  const signature = isJsonObject(own) ? own[keyId] : undefined;
  if (typeof signature !== 'string' || !verifySignedJson(key.json, signer, keyId, publicKey)) {
    throw invalidSignature(`${key.name}: no valid signature by ${keyId}`);
  }
  return signature;
}

async function storeSignatures(
  tx: Tx,
  signer: Signer,
  signatures: readonly GoodSignature[],
  position: number,
): Promise<{ readonly own: boolean; readonly others: boolean }> {
  const changedNames = new Set<string>();
  let others = false;
  for (const good of signatures) {
    if (good.kind === 'device') {
      const device = { userNid: signer.userNid, deviceId: good.deviceId };
      const isNew = await putDeviceKeySignature(tx, device, good.keyId, good.signature);
      if (isNew) changedNames.add(good.deviceId);
    } else if (await putMasterKeySignature(tx, good, position)) {
      if (good.userNid === signer.userNid) changedNames.add('');
      else others = true;
    }
  }
  if (changedNames.size > 0) await recordDeviceListChanges(tx, signer.userNid, [...changedNames], position);
  return { own: changedNames.size > 0, others };
}

function renderFailures(failures: readonly Failure[]): JsonObject {
  const byUser = new Map<UserId, [string, JsonObject][]>();
  for (const { key, error } of failures) {
    byUser.set(key.userId, [...(byUser.get(key.userId) ?? []), [key.name, error.toBody()]]);
  }
  return Object.fromEntries([...byUser].map(([userId, keys]) => [userId, Object.fromEntries(keys)]));
}

/** The keys of a request body one by one. Throws 400: M_INVALID_PARAM for user ids, M_BAD_JSON for the rest. */
export function listSignedKeys(body: JsonObject): readonly SignedKey[] {
  return Object.entries(body).flatMap(([user, keys]) => {
    const userId = parseUserId(user);
    if (userId === undefined) throw invalidParam(`${user} is not a user id`);
    if (!isJsonObject(keys)) throw badJson(`${user}: expected an object`);
    return Object.entries(keys).map(([name, json]): SignedKey => {
      if (!isJsonObject(json)) throw badJson(`${user}.${name}: expected an object`);
      return { userId, name, json };
    });
  });
}
