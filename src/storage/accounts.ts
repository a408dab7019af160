import { sql, type Generated } from 'kysely';
import type { AccountState } from '../matrix/account-state.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { ACCOUNT_STATE_COLUMNS, readAccountState, type AccountStateColumns } from './account-states.ts';
import type { Db, Tx } from './database.ts';

export interface AccountTable {
  readonly user_nid: number;
  readonly password_hash: string | null;
  readonly is_guest: boolean;
  readonly is_admin: boolean;
  readonly created_ts: number;
  readonly deactivated_ts: Generated<number | null>;
  readonly erased_ts: Generated<number | null>;
  readonly locked_ts: Generated<number | null>;
  readonly suspended_ts: Generated<number | null>;
  readonly shadow_banned_ts: Generated<number | null>;
  readonly state_position: Generated<number | null>;
}

export interface AccountTables {
  accounts: AccountTable;
}

/** A user of this server. */
export interface Account {
  readonly userNid: number;
  readonly userId: UserId;
  /** PHC string; undefined for who cannot log in by password. */
  readonly passwordHash: string | undefined;
  readonly isGuest: boolean;
  readonly isAdmin: boolean;
  readonly isDeactivated: boolean;
  readonly state: AccountState;
}

/** What is decided about an account when it is made. */
export interface NewAccount {
  readonly userNid: number;
  readonly passwordHash: string | undefined;
  readonly isGuest: boolean;
  readonly isAdmin: boolean;
  readonly createdTs: number;
}

/** Makes an account; false when the user has one already, deactivated or not. */
export async function insertAccount(tx: Tx, account: NewAccount): Promise<boolean> {
  const inserted = await tx
    .insertInto('accounts')
    .values({
      user_nid: account.userNid,
      password_hash: account.passwordHash ?? null,
      is_guest: account.isGuest,
      is_admin: account.isAdmin,
      created_ts: account.createdTs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('user_nid')
    .executeTakeFirst();
  return inserted !== undefined;
}

/** The account behind a user id, deactivated or not. */
export async function findAccount(db: Db, userId: UserId): Promise<Account | undefined> {
  const row = await accountRows(db).where('users.user_id', '=', userId).executeTakeFirst();
  return row && toAccount(row);
}

/** The account behind an interned id, deactivated or not. */
export async function findAccountByNid(db: Db, userNid: number): Promise<Account | undefined> {
  const row = await accountRows(db).where('accounts.user_nid', '=', userNid).executeTakeFirst();
  return row && toAccount(row);
}

/** Replaces the password; false when the account is deactivated meanwhile. */
export async function setPasswordHash(tx: Tx, userNid: number, passwordHash: string): Promise<boolean> {
  const result = await tx
    .updateTable('accounts')
    .set({ password_hash: passwordHash })
    .where('user_nid', '=', userNid)
    .where('deactivated_ts', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Ends an account for good; false when it had ended before. */
export async function markDeactivated(
  tx: Tx,
  end: { readonly userNid: number; readonly nowTs: number; readonly erase: boolean },
): Promise<boolean> {
  const result = await tx
    .updateTable('accounts')
    .set({ password_hash: null, deactivated_ts: end.nowTs, erased_ts: end.erase ? end.nowTs : null })
    .where('user_nid', '=', end.userNid)
    .where('deactivated_ts', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** The number of the next guest, which is its localpart. */
export async function nextGuestNumber(db: Db): Promise<number> {
  const { rows } = await sql<{ next: number }>`select nextval('guest_localparts') as next`.execute(db);
  const next = rows[0]?.next;
  if (next === undefined) throw new Error('the sequence guest_localparts gave nothing');
  return next;
}

interface AccountRow extends AccountStateColumns {
  readonly user_nid: number;
  readonly user_id: UserId;
  readonly password_hash: string | null;
  readonly is_guest: boolean;
  readonly is_admin: boolean;
  readonly deactivated_ts: number | null;
}

function accountRows(db: Db) {
  return db
    .selectFrom('accounts')
    .innerJoin('users', 'users.user_nid', 'accounts.user_nid')
    .select([
      'accounts.user_nid',
      'users.user_id',
      'accounts.password_hash',
      'accounts.is_guest',
      'accounts.is_admin',
      'accounts.deactivated_ts',
      ...ACCOUNT_STATE_COLUMNS,
    ]);
}

function toAccount(row: AccountRow): Account {
  return {
    userNid: row.user_nid,
    userId: row.user_id,
    passwordHash: row.password_hash ?? undefined,
    isGuest: row.is_guest,
    isAdmin: row.is_admin,
    isDeactivated: row.deactivated_ts !== null,
    state: readAccountState(row),
  };
}
