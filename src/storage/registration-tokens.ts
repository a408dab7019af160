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

const isGood = (token: string, nowTs: number): RawBuilder<boolean> => sql<boolean>`
  token = ${token} and (uses_allowed is null or uses_completed < uses_allowed)
  and (expires_ts is null or expires_ts > ${nowTs})`;

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
