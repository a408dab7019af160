import { sql } from 'kysely';
import type { AccountState } from '../matrix/account-state.ts';
import type { Tx } from './database.ts';
import { noteSessionsChanged } from './session-changes.ts';

/** The columns of `accounts` that say how it is restricted, and since when; null where there is no account. */
export interface AccountStateColumns {
  readonly locked_ts: number | null;
  readonly suspended_ts: number | null;
  readonly shadow_banned_ts: number | null;
}

/** What to select for {@link readAccountState}. */
export const ACCOUNT_STATE_COLUMNS = [
  'accounts.locked_ts',
  'accounts.suspended_ts',
  'accounts.shadow_banned_ts',
] as const;

/** How the account of a row is restricted. */
export function readAccountState(row: AccountStateColumns): AccountState {
  return {
    isLocked: row.locked_ts !== null,
    isSuspended: row.suspended_ts !== null,
    isShadowBanned: row.shadow_banned_ts !== null,
  };
}

/**
 * Changes what is given of an account's state, `position` being the stream position of the change; what stays as it was
 * keeps the time since when it is so. False for an administrator's account and for one that has ended: both stay as they
 * are.
 */
export async function updateAccountState(
  tx: Tx,
  userNid: number,
  change: Partial<AccountState>,
  when: { readonly nowTs: number; readonly position: number },
): Promise<boolean> {
  const since = (column: string, isSet: boolean | undefined) => {
    const before = sql.ref<number | null>(column);
    if (isSet === undefined) return before;
    return isSet ? sql<number>`coalesce(${before}, ${when.nowTs})` : sql<null>`null`;
  };
  const result = await tx
    .updateTable('accounts')
    .set({
      locked_ts: since('locked_ts', change.isLocked),
      suspended_ts: since('suspended_ts', change.isSuspended),
      shadow_banned_ts: since('shadow_banned_ts', change.isShadowBanned),
      state_position: when.position,
    })
    .where('user_nid', '=', userNid)
    .where('is_admin', '=', false)
    .where('deactivated_ts', 'is', null)
    .executeTakeFirst();
  await noteSessionsChanged(tx);
  return result.numUpdatedRows > 0n;
}
