import { forbidden, invalidParam, missingParam, notFound } from '../matrix/errors.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import { isCrossSigningKeyName } from '../storage/cross-signing.ts';
import { allotPositions, currentPosition, inTransaction, type Db, type Tx } from '../storage/database.ts';
import { findDehydratedDevice, putDehydratedDevice } from '../storage/dehydrated-devices.ts';
import {
  deleteDevices,
  findDevice,
  insertUnseenDevice,
  recordDeviceListChanges,
} from '../storage/devices.ts';
import { formatStreamToken, parseStreamToken } from '../storage/stream-token.ts';
import { listToDevice, type WaitingMessage } from '../storage/to-device.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';
import { readStoredObject } from './key-json.ts';
import { parseKeyUpload, storeKeys, type KeyUpload, type ParsedKeyUpload } from './upload-keys.ts';

/*
 * A dehydrated device gathers room keys for a user who has no other device. Its private part lies encrypted on the
 * server. https://github.com/matrix-org/matrix-spec-proposals/pull/3814
 *
 *            put                    put another, or delete
 *   (none) ───────► dehydrated ───────────────────────────► gone, with its keys and messages
 *                    │      ▲
 *                    └──────┘ a new login reads the private part and the messages: nothing changes, so that it can
 *                             begin again when it fails
 */

export interface DehydrationDeps {
  readonly db: Db;
  readonly clock: Clock;
  /** Told after the commit that others must look at this user's devices again. */
  readonly deviceListChanged: (userNid: number) => void;
}

/** A device to dehydrate. */
export interface Dehydration extends KeyUpload {
  readonly deviceId: DeviceId;
  readonly deviceData: JsonObject;
  readonly displayName: string | undefined;
}

interface Owner {
  readonly userNid: number;
  readonly userId: UserId;
}

const MESSAGES_AT_ONCE = 100;

/**
 * Makes a user's dehydrated device with its keys, in place of an earlier one. Throws what uploadKeys does; 400
 * M_MISSING_PARAM without device keys; 403 M_FORBIDDEN when the user is or was logged in on a device of that id, or a
 * cross-signing key is called so.
 */
export async function dehydrateDevice(
  deps: DehydrationDeps,
  owner: Owner,
  device: Dehydration,
): Promise<void> {
  if (device.deviceKeys === undefined) throw missingParam('Missing parameter: device_keys');
  const keys = parseKeyUpload({ ...owner, deviceId: device.deviceId }, device);
  const nowTs = deps.clock.nowMs();
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    await removeDehydrated(tx, owner.userNid, position);
    await insertDehydrated(tx, owner, { device, keys, nowTs }, position);
  });
  deps.deviceListChanged(owner.userNid);
}

/** The user's dehydrated device with its private part. Throws 404 M_NOT_FOUND. */
export async function getDehydratedDevice(
  deps: { readonly db: Db },
  userNid: number,
): Promise<{ readonly deviceId: DeviceId; readonly deviceData: JsonObject }> {
  const device = await findDehydratedDevice(deps.db, userNid);
  if (device === undefined) throw noDevice();
  return { deviceId: device.deviceId, deviceData: readStoredObject(device.deviceData) };
}

/** Deletes the user's dehydrated device and returns its id. Throws 404 M_NOT_FOUND. */
export async function deleteDehydratedDevice(deps: DehydrationDeps, userNid: number): Promise<DeviceId> {
  const deleted = await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    return removeDehydrated(tx, userNid, position);
  });
  if (deleted === undefined) throw noDevice();
  deps.deviceListChanged(userNid);
  return deleted;
}

/** Some of the messages that wait for a dehydrated device, and the token to ask for the next ones with. */
export interface MessageBatch {
  readonly messages: readonly WaitingMessage[];
  readonly nextBatch: string;
}

/**
 * The messages that wait for the dehydrated device, oldest first, from the beginning or from a token. They stay until
 * the device goes. Throws 404 M_NOT_FOUND without a dehydrated device, 403 M_FORBIDDEN when another is named, and 400
 * M_INVALID_PARAM for a token that is none.
 */
export async function listDehydratedMessages(
  deps: { readonly db: Db },
  userNid: number,
  deviceId: DeviceId,
  nextBatch: string | undefined,
): Promise<MessageBatch> {
  const since = nextBatch === undefined ? 0 : parseStreamToken(nextBatch);
  if (since === undefined) throw invalidParam('next_batch: not a token that this server handed out');
  const device = await getDehydratedDevice(deps, userNid);
  if (device.deviceId !== deviceId) throw forbidden('Only messages of your dehydrated device can be fetched');
  const upTo = await currentPosition(deps.db);
  const messages = await listToDevice(deps.db, { userNid, deviceId }, since, upTo, MESSAGES_AT_ONCE);
  return { messages, nextBatch: formatStreamToken(messages.at(-1)?.position ?? since) };
}

async function insertDehydrated(
  tx: Tx,
  owner: Owner,
  { device, keys, nowTs }: { device: Dehydration; keys: ParsedKeyUpload; nowTs: number },
  position: number,
): Promise<void> {
  const { deviceId } = device;
  if ((await findDevice(tx, owner.userNid, deviceId)) !== undefined)
    throw forbidden(`${deviceId} is a device already`);
  if (await isCrossSigningKeyName(tx, owner.userNid, deviceId)) {
    throw forbidden(`A cross-signing key is called ${deviceId}`);
  }
  await insertUnseenDevice(tx, { userNid: owner.userNid, deviceId, displayName: device.displayName }, nowTs);
  await storeKeys(tx, { ...owner, deviceId }, keys, position);
  await putDehydratedDevice(tx, owner.userNid, { deviceId, deviceData: JSON.stringify(device.deviceData) });
}

async function removeDehydrated(tx: Tx, userNid: number, position: number): Promise<DeviceId | undefined> {
  const device = await findDehydratedDevice(tx, userNid);
  if (device === undefined) return undefined;
  const deleted = await deleteDevices(tx, userNid, { only: [device.deviceId] });
  await recordDeviceListChanges(tx, userNid, deleted, position);
  return device.deviceId;
}

function noDevice() {
  return notFound('There is no dehydrated device');
}
