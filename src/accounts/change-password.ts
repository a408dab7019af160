import { userDeactivated } from '../matrix/errors.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import { setPasswordHash } from '../storage/accounts.ts';
import { deleteDeviceSettings } from '../storage/account-data.ts';
import { allotPositions, inTransaction } from '../storage/database.ts';
import { deleteDevices, recordDeviceListChanges } from '../storage/devices.ts';
import { deleteLoginTokensOf } from '../storage/login-tokens.ts';
import type { JsonObject } from '../util/json.ts';
import { authenticateInteractively, type InteractiveAuthDeps } from './interactive-auth.ts';
import type { LogoutDeps } from './logout.ts';
import { checkNewPassword } from './register.ts';

export interface ChangePasswordDeps extends InteractiveAuthDeps, LogoutDeps {}

/** Who changes the password, from which device. */
export interface PasswordOwner {
  readonly userNid: number;
  readonly userId: UserId;
  readonly deviceId: DeviceId;
}

/**
 * Changes a user's password once the old one was given; the other devices are logged out if so wished, the one that
 * asks stays. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword
 */
export async function changePassword(
  deps: ChangePasswordDeps,
  owner: PasswordOwner,
  change: { readonly newPassword: string; readonly logoutDevices: boolean; readonly body: JsonObject },
): Promise<{ readonly kind: 'changed' } | { readonly kind: 'challenge'; readonly body: JsonObject }> {
  checkNewPassword(change.newPassword);
  const auth = await authenticateInteractively(deps, {
    action: 'changePassword',
    flows: [['m.login.password']],
    user: owner,
    body: change.body,
    // A fast hash of a body that holds the new password has no place in the database.
    binding: 'open',
  });
  if (auth.kind === 'challenge') return auth;
  const passwordHash = await deps.passwords.hash(change.newPassword);
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    if (!(await setPasswordHash(tx, owner.userNid, passwordHash)))
      throw userDeactivated('The account is deactivated');
    // Whoever knew the old password may have made some.
    await deleteLoginTokensOf(tx, owner.userNid);
    if (!change.logoutDevices) return;
    const deleted = await deleteDevices(tx, owner.userNid, { allBut: owner.deviceId });
    await deleteDeviceSettings(tx, owner.userNid, deleted, position);
    await recordDeviceListChanges(tx, owner.userNid, deleted, position);
  });
  if (change.logoutDevices) deps.deviceListChanged(owner.userNid);
  return { kind: 'changed' };
}
