import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

export interface OpenIdTokenTable {
  readonly token_hash: Buffer;
  readonly user_nid: number;
  readonly expires_ts: number;
}

export interface OpenIdTokenTables {
  openid_tokens: OpenIdTokenTable;
}

/** Remembers a token that says who its owner is. */
export async function insertOpenIdToken(
  db: Db,
  token: { readonly hash: Buffer; readonly userNid: number; readonly expiresTs: number },
): Promise<void> {
  await db
    .insertInto('openid_tokens')
    .values({ token_hash: token.hash, user_nid: token.userNid, expires_ts: token.expiresTs })
    .execute();
}

/** Who made the token, unless it has expired. */
export async function findOpenIdTokenOwner(db: Db, hash: Buffer, nowTs: number): Promise<UserId | undefined> {
  const row = await db
    .selectFrom('openid_tokens')
    .innerJoin('users', 'users.user_nid', 'openid_tokens.user_nid')
    .select('users.user_id')
    .where('token_hash', '=', hash)
    .where('expires_ts', '>', nowTs)
    .executeTakeFirst();
  return row?.user_id;
}

/** Takes back all tokens of a user. */
export async function deleteOpenIdTokensOf(db: Db, userNid: number): Promise<void> {
  await db.deleteFrom('openid_tokens').where('user_nid', '=', userNid).execute();
}

/** Forgets expired tokens. */
export async function deleteExpiredOpenIdTokens(db: Db, nowTs: number): Promise<void> {
  await db.deleteFrom('openid_tokens').where('expires_ts', '<=', nowTs).execute();
}
