import { sql, type Generated, type RawBuilder } from 'kysely';
import type { Db, Tx } from './database.ts';

export interface RegistrationTokenTable {
  readonly token: string;
  readonly uses_allowed: number | null;
  readonly uses_completed: Generated<number>;
  readonly expires_ts: number | null;
}

export interface RegistrationTokenTables {
  registration_tokens: RegistrationTokenTable;
}

/** A token that lets people register. */
export interface RegistrationToken {
  readonly token: string;
  /** How many accounts it is good for; undefined for any number. */
  readonly usesAllowed: number | undefined;
  readonly expiresTs: number | undefined;
}

/** A token as its administrators see it. */
export interface KnownRegistrationToken extends RegistrationToken {
  /** Registrations under way in which it was shown. */
  readonly pending: number;
  /** Accounts that it was good for so far. */
  readonly completed: number;
}

/** Makes a token; false when there is one of that name. */
export async function insertRegistrationToken(db: Db, token: RegistrationToken): Promise<boolean> {
  const inserted = await db
    .insertInto('registration_tokens')
    .values({
      token: token.token,
      uses_allowed: token.usesAllowed ?? null,
      uses_completed: 0,
      expires_ts: token.expiresTs ?? null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('token')
    .executeTakeFirst();
  return inserted !== undefined;
}

const isUsable = (nowTs: number): RawBuilder<boolean> => sql<boolean>`
  (uses_allowed is null or uses_completed < uses_allowed) and (expires_ts is null or expires_ts > ${nowTs})`;

const isGood = (token: string, nowTs: number): RawBuilder<boolean> => sql<boolean>`
  token = ${token} and ${isUsable(nowTs)}`;

/** Whether the token would let somebody register now. */
export async function isRegistrationTokenGood(db: Db, token: string, nowTs: number): Promise<boolean> {
  const row = await db
    .selectFrom('registration_tokens')
    .select('token')
    .where(isGood(token, nowTs))
    .executeTakeFirst();
  return row !== undefined;
}

/** Uses the token up by one account; false when it is not good any more. */
export async function useRegistrationToken(tx: Tx, token: string, nowTs: number): Promise<boolean> {
  const result = await tx
    .updateTable('registration_tokens')
    .set((row) => ({ uses_completed: row('uses_completed', '+', 1) }))
    .where(isGood(token, nowTs))
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

const MOST_TOKENS = 10_000;

interface KnownTokenRow {
  readonly token: string;
  readonly uses_allowed: number | null;
  readonly uses_completed: number;
  readonly expires_ts: number | null;
  readonly pending: number;
}

function selectTokens(nowTs: number): RawBuilder<KnownTokenRow> {
  return sql<KnownTokenRow>`
    select t.token, uses_allowed, uses_completed, expires_ts, (
      select count(*) from uia_sessions u where u.registration_token = t.token and u.expires_ts > ${nowTs}
    ) as pending
    from registration_tokens t`;
}

function toKnownToken(row: KnownTokenRow): KnownRegistrationToken {
  return {
    token: row.token,
    usesAllowed: row.uses_allowed ?? undefined,
    expiresTs: row.expires_ts ?? undefined,
    pending: row.pending,
    completed: row.uses_completed,
  };
}

/** The tokens in order of their names, 10,000 at most: all, or those that are good now, or those that are not. */
export async function listRegistrationTokens(
  db: Db,
  nowTs: number,
  isValid: boolean | undefined,
): Promise<KnownRegistrationToken[]> {
  const { rows } = await sql<KnownTokenRow>`
    ${selectTokens(nowTs)}
    where ${isValid === undefined ? sql`true` : sql`(${isUsable(nowTs)}) = ${isValid}`}
    order by t.token limit ${MOST_TOKENS}`.execute(db);
  return rows.map(toKnownToken);
}

/** One token, good or not. */
export async function findRegistrationToken(
  db: Db,
  token: string,
  nowTs: number,
): Promise<KnownRegistrationToken | undefined> {
  const { rows } = await sql<KnownTokenRow>`${selectTokens(nowTs)} where t.token = ${token}`.execute(db);
  return rows[0] && toKnownToken(rows[0]);
}

/** Changes what a token is good for: what is undefined stays, null lifts the bound. False when there is no such token. */
export async function updateRegistrationToken(
  db: Db,
  token: string,
  change: { readonly usesAllowed: number | null | undefined; readonly expiresTs: number | null | undefined },
): Promise<boolean> {
  const { rows } = await sql`
    update registration_tokens set
      uses_allowed = case when ${change.usesAllowed === undefined} then uses_allowed
        else ${change.usesAllowed ?? null}::integer end,
      expires_ts = case when ${change.expiresTs === undefined} then expires_ts
        else ${change.expiresTs ?? null}::bigint end
    where token = ${token} returning token`.execute(db);
  return rows.length > 0;
}

/** Takes a token away; false when there is none of that name. */
export async function deleteRegistrationToken(db: Db, token: string): Promise<boolean> {
  const { rows } = await sql`delete from registration_tokens where token = ${token} returning token`.execute(
    db,
  );
  return rows.length > 0;
}
