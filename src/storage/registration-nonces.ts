import type { Db } from './database.ts';

export interface RegistrationNonceTable {
  readonly nonce: string;
  readonly expires_ts: number;
}

export interface RegistrationNonceTables {
  registration_nonces: RegistrationNonceTable;
}

/** Remembers a nonce that was handed out. */
export async function insertRegistrationNonce(db: Db, nonce: string, expiresTs: number): Promise<void> {
  await db.insertInto('registration_nonces').values({ nonce, expires_ts: expiresTs }).execute();
}

/** Uses a nonce up; false when it was never handed out, is used, or has expired. */
export async function takeRegistrationNonce(db: Db, nonce: string, nowTs: number): Promise<boolean> {
  const taken = await db
    .deleteFrom('registration_nonces')
    .where('nonce', '=', nonce)
    .returning('expires_ts')
    .executeTakeFirst();
  return taken !== undefined && taken.expires_ts > nowTs;
}

/** Forgets nonces that nobody used. */
export async function deleteExpiredRegistrationNonces(db: Db, nowTs: number): Promise<void> {
  await db.deleteFrom('registration_nonces').where('expires_ts', '<=', nowTs).execute();
}
