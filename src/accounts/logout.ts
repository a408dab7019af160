import type { DeviceId } from '../matrix/identifiers.ts';
import { deleteDeviceSettings } from '../storage/account-data.ts';
import { allotPositions, inTransaction, type Db } from '../storage/database.ts';
import { deleteDevices, recordDeviceListChanges } from '../storage/devices.ts';
import { deleteLoginTokensOf } from '../storage/login-tokens.ts';

export interface LogoutDeps {
  readonly db: Db;
  /** Told after the commit that others must look at this user's devices again. */
  readonly deviceListChanged: (userNid: number) => void;
}

/**
 * Ends the session and forgets its device: access tokens, waiting messages, keys. The user's delayed events stay;
 * they belong to the user, and what a client scheduled for when it is gone must happen when it is gone.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout
 */
export async function logOut(
  deps: LogoutDeps,
  session: { readonly userNid: number; readonly deviceId: DeviceId },
): Promise<void> {
  await forget(deps, session.userNid, { only: [session.deviceId] });
}

/** Ends all sessions of a user, and those that a login token would begin. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logoutall */
export async function logOutEverywhere(deps: LogoutDeps, userNid: number): Promise<void> {
  await forget(deps, userNid, { allBut: undefined });
}

async function forget(
  deps: LogoutDeps,
  userNid: number,
  choice: Parameters<typeof deleteDevices>[2],
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    if ('allBut' in choice) await deleteLoginTokensOf(tx, userNid);
    const deleted = await deleteDevices(tx, userNid, choice);
    await deleteDeviceSettings(tx, userNid, deleted, position);
    await recordDeviceListChanges(tx, userNid, deleted, position);
  });
  deps.deviceListChanged(userNid);
}
