import { createHash } from 'node:crypto';
import type { Generated } from 'kysely';
import type { Db } from './database.ts';

export interface FilterTable {
  readonly user_nid: number;
  readonly filter_nid: Generated<number>;
  readonly hash: Buffer;
  readonly body: string;
}

export interface FilterTables {
  filters: FilterTable;
}

/** Stores a filter (JSON text) of a user and returns its number; the same text again has the same number. */
export async function insertFilter(db: Db, userNid: number, body: string): Promise<number> {
  const hash = createHash('sha256').update(body).digest();
  const row = await db
    .insertInto('filters')
    .values({ user_nid: userNid, hash, body })
    .onConflict((conflict) => conflict.columns(['user_nid', 'hash']).doUpdateSet({ hash }))
    .returning('filter_nid')
    .executeTakeFirstOrThrow();
  return row.filter_nid;
}

/** A user's filter by its number, JSON text. */
export async function findFilter(db: Db, userNid: number, filterNid: number): Promise<string | undefined> {
  const row = await db
    .selectFrom('filters')
    .select('body')
    .where('user_nid', '=', userNid)
    .where('filter_nid', '=', filterNid)
    .executeTakeFirst();
  return row?.body;
}
