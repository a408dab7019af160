import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { JsonValue } from '../util/json.ts';
import type { Db, Tx } from './database.ts';

export interface ProfileFieldTable {
  readonly user_nid: number;
  readonly key_name: string;
  /** JSON text. */
  readonly value: string;
}

export interface ProfileTables {
  profile_fields: ProfileFieldTable;
}

/** What a user says of themselves: values by key. */
export type Profile = ReadonlyMap<string, JsonValue>;

/** The profile of a user of this server, maybe empty; undefined when there is no such user, or no more. */
export async function findProfile(db: Db, userId: UserId): Promise<Profile | undefined> {
  const { rows } = await sql<{ key_name: string | null; value: string | null }>`
    select p.key_name, p.value
    from users u
    join accounts a on a.user_nid = u.user_nid and a.deactivated_ts is null
    left join profile_fields p on p.user_nid = u.user_nid
    where u.user_id = ${userId}
    order by p.key_name`.execute(db);
  return rows.length === 0 ? undefined : profileOf(rows);
}

/** Profiles of several users by interned id, without those who have none. */
export async function listProfiles(db: Db, userNids: readonly number[]): Promise<Map<number, Profile>> {
  if (userNids.length === 0) return new Map();
  const { rows } = await sql<ProfileFieldTable>`
    select user_nid, key_name, value from profile_fields where user_nid = any(${userNids}::bigint[])
    order by key_name`.execute(db);
  const byUser = new Map<number, ProfileFieldTable[]>();
  for (const row of rows) byUser.set(row.user_nid, [...(byUser.get(row.user_nid) ?? []), row]);
  return new Map([...byUser].map(([userNid, fields]) => [userNid, profileOf(fields)]));
}

/**
 * The profile of a user who is about to change it: whoever else wants to waits until the transaction ends. Empty for a
 * user without an account.
 */
export async function lockProfile(tx: Tx, userNid: number): Promise<Profile> {
  await sql`select from accounts where user_nid = ${userNid} for no key update`.execute(tx);
  return (await listProfiles(tx, [userNid])).get(userNid) ?? new Map();
}

/** Sets one field. */
export async function putProfileField(tx: Tx, userNid: number, key: string, value: JsonValue): Promise<void> {
  await sql`
    insert into profile_fields (user_nid, key_name, value) values (${userNid}, ${key}, ${JSON.stringify(value)})
    on conflict (user_nid, key_name) do update set value = excluded.value`.execute(tx);
}

/** Removes one field, if it is there. */
export async function deleteProfileField(tx: Tx, userNid: number, key: string): Promise<void> {
  await sql`delete from profile_fields where user_nid = ${userNid} and key_name = ${key}`.execute(tx);
}

/** Removes all fields: the account ends. */
export async function deleteProfile(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from profile_fields where user_nid = ${userNid}`.execute(tx);
}

function profileOf(
  rows: readonly { readonly key_name: string | null; readonly value: string | null }[],
): Profile {
  return new Map(
    rows.flatMap((row): [string, JsonValue][] =>
      row.key_name === null || row.value === null ? [] : [[row.key_name, readValue(row.value)]],
    ),
  );
}

function readValue(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return value;
}
