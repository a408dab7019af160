import type { RequestOrigin } from '../http/authenticate.ts';
import { notFound } from '../matrix/errors.ts';
import type { DeviceId } from '../matrix/identifiers.ts';
import { deleteDeviceSettings } from '../storage/account-data.ts';
import { allotPositions, inTransaction, type Db } from '../storage/database.ts';
import {
  deleteDevices,
  findDevice,
  listDevices,
  recordDeviceListChanges,
  setDeviceName,
  upsertDevice,
  type Device,
} from '../storage/devices.ts';
import type { Clock } from '../util/clock.ts';

export interface DeviceDeps {
  readonly db: Db;
  /** Told after the commit that others must look at this user's devices again. */
  readonly deviceListChanged: (userNid: number) => void;
}

/** A user's devices, oldest first. */
export function listOwnDevices(deps: { readonly db: Db }, userNid: number): Promise<readonly Device[]> {
  return listDevices(deps.db, userNid);
}

/** A device of the user. Throws 404 M_NOT_FOUND. https://spec.matrix.org/v1.19/client-server-api/#device-management */
export async function getDevice(
  deps: { readonly db: Db },
  userNid: number,
  deviceId: DeviceId,
): Promise<Device> {
  const device = await findDevice(deps.db, userNid, deviceId);
  if (device === undefined) throw noSuchDevice(deviceId);
  return device;
}

/** Renames a device; without a name there is nothing to do. Throws 404 M_NOT_FOUND for a device that the user has not. */
export async function renameDevice(
  deps: DeviceDeps,
  userNid: number,
  deviceId: DeviceId,
  displayName: string | undefined,
): Promise<void> {
  if (displayName === undefined) {
    await getDevice(deps, userNid, deviceId);
    return;
  }
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    if (!(await setDeviceName(tx, { userNid, deviceId, displayName }))) throw noSuchDevice(deviceId);
    await recordDeviceListChanges(tx, userNid, [deviceId], position);
  });
  deps.deviceListChanged(userNid);
}

/**
 * Makes a device of a user for whom an application service acts, or renames the one that is there: true when it was made.
 * https://spec.matrix.org/v1.19/application-service-api/#device-management
 */
export async function putDevice(
  deps: DeviceDeps & { readonly clock: Clock },
  userNid: number,
  device: { readonly deviceId: DeviceId; readonly displayName: string | undefined },
  origin: RequestOrigin,
): Promise<boolean> {
  if ((await findDevice(deps.db, userNid, device.deviceId)) !== undefined) {
    await renameDevice(deps, userNid, device.deviceId, device.displayName);
    return false;
  }
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    await upsertDevice(tx, { userNid, ...device }, { nowTs: deps.clock.nowMs(), ...origin });
    await recordDeviceListChanges(tx, userNid, [device.deviceId], position);
  });
  deps.deviceListChanged(userNid);
  return true;
}

/**
 * Forgets devices with their sessions, keys and waiting messages; those that the user has not are passed over.
 * Authenticate the user again before, unless an application service acts for them.
 */
export async function forgetDevices(
  deps: DeviceDeps,
  userNid: number,
  deviceIds: readonly DeviceId[],
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    const deleted = await deleteDevices(tx, userNid, { only: deviceIds });
    await deleteDeviceSettings(tx, userNid, deleted, position);
    await recordDeviceListChanges(tx, userNid, deleted, position);
  });
  deps.deviceListChanged(userNid);
}

function noSuchDevice(deviceId: DeviceId) {
  return notFound(`No device ${deviceId}`);
}
