import { sql, type Generated } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import { CountedCache, type CacheUse } from '../util/counted-cache.ts';
import type { Db } from './database.ts';

export interface UserTable {
  readonly user_nid: Generated<number>;
  readonly user_id: UserId;
}

export interface UserTables {
  users: UserTable;
}

/**
 * The interned ids of `userIds`, made where they are new. Runs outside of a transaction on purpose: an id that
 * nobody came to use does no harm, and no lock is held.
 */
export async function internUsers(db: Db, userIds: readonly UserId[]): Promise<Map<UserId, number>> {
  const found = await findUserNids(db, userIds);
  const missing = [...new Set(userIds)].filter((userId) => !found.has(userId));
  if (missing.length === 0) return found;
  await sql`
    insert into users (user_id) select * from unnest(${missing}::text[]) order by 1
    on conflict do nothing`.execute(db);
  return findUserNids(db, userIds);
}

/** The interned ids of those of `userIds` that are known. */
export async function findUserNids(db: Db, userIds: readonly UserId[]): Promise<Map<UserId, number>> {
  const { rows } = await sql<{ user_id: UserId; user_nid: number }>`
    select user_id, user_nid from users where user_id = any(${userIds}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.user_id, row.user_nid]));
}

/** The interned id of one user, if any. */
export async function findUserNid(db: Db, userId: UserId): Promise<number | undefined> {
  return (await findUserNids(db, [userId])).get(userId);
}

const CACHED_USERS = 100_000;

/** Interns user ids through a bounded cache: an id never changes its number. */
export class UserNids {
  readonly #db: Db;
  readonly #cache = new CountedCache<UserId, number>({ max: CACHED_USERS });

  constructor(db: Db) {
    this.#db = db;
  }

  get cacheUse(): CacheUse {
    return this.#cache.use;
  }

  /** The numbers of all of `userIds`, made where they are new. */
  async intern(userIds: readonly UserId[]): Promise<Map<UserId, number>> {
    const nids = new Map<UserId, number>();
    const missing: UserId[] = [];
    for (const userId of userIds) {
      const nid = this.#cache.get(userId);
      if (nid === undefined) missing.push(userId);
      else nids.set(userId, nid);
    }
    if (missing.length === 0) return nids;
    for (const [userId, nid] of await internUsers(this.#db, missing)) {
      this.#cache.set(userId, nid);
      nids.set(userId, nid);
    }
    return nids;
  }
}
