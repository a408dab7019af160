import type { UserId } from '../matrix/identifiers.ts';
import { markDeactivated } from '../storage/accounts.ts';
import { allotPositions, inTransaction, type Tx } from '../storage/database.ts';
import { deleteDevices, recordDeviceListChanges } from '../storage/devices.ts';
import { deleteLoginTokensOf } from '../storage/login-tokens.ts';
import { deleteOpenIdTokensOf } from '../storage/openid-tokens.ts';
import type { JsonObject } from '../util/json.ts';
import { authenticateInteractively, type InteractiveAuthDeps } from './interactive-auth.ts';
import type { LogoutDeps } from './logout.ts';

/**
 * What else ends with an account, in the same transaction: all of it or nothing. The transaction holds the stream,
 * so that a hook may allot positions.
 */
export type DeactivationHook = (tx: Tx, userNid: number, nowTs: number) => Promise<void>;

export interface DeactivationDeps extends InteractiveAuthDeps, LogoutDeps {
  readonly onDeactivated: readonly DeactivationHook[];
}

/** Whose account ends. */
export interface AccountOwner {
  readonly userNid: number;
  readonly userId: UserId;
}

/**
 * Deactivates the account once its password was given.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate
 */
export async function deactivateOwnAccount(
  deps: DeactivationDeps,
  owner: AccountOwner,
  request: { readonly erase: boolean; readonly body: JsonObject },
): Promise<{ readonly kind: 'deactivated' } | { readonly kind: 'challenge'; readonly body: JsonObject }> {
  const auth = await authenticateInteractively(deps, {
    action: 'deactivateAccount',
    flows: [['m.login.password']],
    user: owner,
    body: request.body,
    binding: 'fixed',
  });
  if (auth.kind === 'challenge') return auth;
  await deactivateAccount(deps, owner.userNid, request.erase);
  return { kind: 'deactivated' };
}

/**
 * Ends an account for good: no password, no device, no session, and what the hooks end. The user id stays taken.
 * Does nothing when the account has ended before. Authorise it first.
 */
export async function deactivateAccount(
  deps: Pick<DeactivationDeps, 'db' | 'clock' | 'onDeactivated' | 'deviceListChanged'>,
  userNid: number,
  erase: boolean,
): Promise<void> {
  const nowTs = deps.clock.nowMs();
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    if (!(await markDeactivated(tx, { userNid, nowTs, erase }))) return;
    const deleted = await deleteDevices(tx, userNid, { allBut: undefined });
    await recordDeviceListChanges(tx, userNid, deleted, position);
    await deleteOpenIdTokensOf(tx, userNid);
    await deleteLoginTokensOf(tx, userNid);
    for (const hook of deps.onDeactivated) await hook(tx, userNid, nowTs);
  });
  deps.deviceListChanged(userNid);
}
