import type { Db, Tx } from './database.ts';

export interface LoginTokenTable {
  readonly token_hash: Buffer;
  readonly user_nid: number;
  readonly expires_ts: number;
}

export interface LoginTokenTables {
  login_tokens: LoginTokenTable;
}

/** Remembers a token that lets one client log in as its maker. */
export async function insertLoginToken(
  db: Db,
  token: { readonly hash: Buffer; readonly userNid: number; readonly expiresTs: number },
): Promise<void> {
  await db
    .insertInto('login_tokens')
    .values({ token_hash: token.hash, user_nid: token.userNid, expires_ts: token.expiresTs })
    .execute();
}

/** Uses a token up, for one of those who try at the same time: who made it; undefined when it is not good any more. */
export async function takeLoginToken(tx: Tx, hash: Buffer, nowTs: number): Promise<number | undefined> {
  const taken = await tx
    .deleteFrom('login_tokens')
    .where('token_hash', '=', hash)
    .where('expires_ts', '>', nowTs)
    .returning('user_nid')
    .executeTakeFirst();
  return taken?.user_nid;
}

/** Takes back all tokens of a user. */
export async function deleteLoginTokensOf(tx: Tx, userNid: number): Promise<void> {
  await tx.deleteFrom('login_tokens').where('user_nid', '=', userNid).execute();
}

/** Forgets tokens that nobody used. */
export async function deleteExpiredLoginTokens(db: Db, nowTs: number): Promise<void> {
  await db.deleteFrom('login_tokens').where('expires_ts', '<=', nowTs).execute();
}
