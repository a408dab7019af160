import { accountLocked, type AccountState } from '../matrix/account-state.ts';
import { forbidden, invalidParam, notFound, type MatrixError } from '../matrix/errors.ts';
import { serverNameOf, type ServerName, type UserId } from '../matrix/identifiers.ts';
import { updateAccountState } from '../storage/account-states.ts';
import { findAccount, findAccountByNid, type Account } from '../storage/accounts.ts';
import { allotPositions, inTransaction, type Db } from '../storage/database.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import type { Clock } from '../util/clock.ts';

export interface AccountStateDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly serverName: ServerName;
  readonly hub: Pick<StreamHub, 'announce'>;
}

/** The administrator who asks. */
export interface AccountModerator {
  readonly userId: UserId;
}

/**
 * How an account is restricted. Throws 400 M_INVALID_PARAM for users of other servers, 404 M_NOT_FOUND for unknown users
 * and for accounts that have ended, 403 M_FORBIDDEN for other administrators. That the moderator is one has been seen
 * to. https://spec.matrix.org/v1.19/client-server-api/#server-administration
 */
export async function getAccountState(
  deps: Pick<AccountStateDeps, 'db' | 'serverName'>,
  moderator: AccountModerator,
  userId: UserId,
): Promise<AccountState> {
  return (await requireAccount(deps, moderator, userId)).state;
}

/**
 * Restricts an account, or lifts what is restricted. What is not given stays as it is; doing it twice is as good as once.
 * Throws as {@link getAccountState} does, and 403 M_FORBIDDEN for the moderator's own account.
 */
export async function changeAccountState(
  deps: AccountStateDeps,
  moderator: AccountModerator,
  userId: UserId,
  change: Partial<AccountState>,
): Promise<void> {
  if (userId === moderator.userId) throw forbidden('Nobody restricts their own account');
  const { userNid } = await requireAccount(deps, moderator, userId);
  const position = await inTransaction(deps.db, async (tx) => {
    const allotted = await allotPositions(tx, 1);
    const when = { nowTs: deps.clock.nowMs(), position: allotted };
    if (!(await updateAccountState(tx, userNid, change, when))) throw noSuchAccount(userId);
    return allotted;
  });
  // Whoever waits for news learns that there will be none.
  deps.hub.announce({ position, roomNids: [], userNids: [userNid] });
}

/** Throws 401 M_USER_LOCKED when the account has been locked since its request was let in. */
export async function requireUnlocked(deps: { readonly db: Db }, userNid: number): Promise<void> {
  if ((await findAccountByNid(deps.db, userNid))?.state.isLocked === true) throw accountLocked();
}

async function requireAccount(
  deps: Pick<AccountStateDeps, 'db' | 'serverName'>,
  moderator: AccountModerator,
  userId: UserId,
): Promise<Account> {
  if (serverNameOf(userId) !== deps.serverName) throw invalidParam(`${userId} is a user of another server`);
  const account = await findAccount(deps.db, userId);
  if (account === undefined || account.isDeactivated) throw noSuchAccount(userId);
  if (account.isAdmin && userId !== moderator.userId) throw forbidden(`${userId} is an administrator, too`);
  return account;
}

function noSuchAccount(userId: UserId): MatrixError {
  return notFound(`There is no account of ${userId}`);
}
