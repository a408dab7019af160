import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';
import type { UserNameTable } from './user-directory.ts';
import { unpackJson } from './packed-json.ts';

export interface UserNameChangeTable {
  readonly change_nid: number;
  readonly user_nid: number;
  readonly room_nid: number;
}

export interface UserNameTables {
  user_names: UserNameTable;
  user_name_changes: UserNameChangeTable;
}

/** Whose name it is, and in which room: 0 for the profile of a user of this server. */
export interface NameKey {
  readonly userNid: number;
  readonly roomNid: number;
}

/** What a user is called. */
export interface UserName extends NameKey {
  readonly userId: UserId;
  /** JSON text of the display name in the profile. */
  readonly displayName: string | undefined;
  /** Of a user of another server the member event, unless that is redacted. */
  readonly memberJson: string | undefined;
}

/** "user" in ASCII. */
const NAMES_LOCK = 0x75736572;

/** Whether any name has changed that nobody has looked at since. */
export async function hasNameChanges(db: Db): Promise<boolean> {
  const { rows } = await sql`select from user_name_changes limit 1`.execute(db);
  return rows.length > 0;
}

/**
 * Takes over some of the changes, the oldest first, for who writes down in the same transaction what has become of them.
 * Whoever else wants to waits until it ends: of two who look at one name the later must not write first.
 */
export async function takeNameChanges(tx: Tx, limit: number): Promise<NameKey[]> {
  await sql`select pg_advisory_xact_lock(${NAMES_LOCK})`.execute(tx);
  const { rows } = await sql<UserNameChangeTable>`
    delete from user_name_changes
    where change_nid in (select change_nid from user_name_changes order by change_nid limit ${limit})
    returning user_nid, room_nid`.execute(tx);
  const keys = new Map(rows.map((row) => [`${row.user_nid} ${row.room_nid}`, row]));
  return [...keys.values()].map((row) => ({ userNid: row.user_nid, roomNid: row.room_nid }));
}

interface UserNameRow {
  readonly user_nid: number;
  readonly room_nid: number;
  readonly user_id: UserId;
  readonly name: string | null;
  readonly member_json: Buffer | null;
}

/** What is true of some names; those of accounts that ended and of members who left are left out. */
export async function listNames(tx: Tx, keys: readonly NameKey[]): Promise<UserName[]> {
  const { rows } = await sql<UserNameRow>`
    with wanted as (select * from ${keysTable(keys)})
    select w.user_nid, w.room_nid, u.user_id, p.value as name, null as member_json
    from wanted w
    join accounts a on a.user_nid = w.user_nid and a.deactivated_ts is null
    join users u on u.user_nid = w.user_nid
    left join profile_fields p on p.user_nid = w.user_nid and p.key_name = 'displayname'
    where w.room_nid = 0
    union all
    select w.user_nid, w.room_nid, u.user_id, null, case when e.redacted_by_nid is null then e.json end
    from wanted w
    join memberships m on m.user_nid = w.user_nid and m.room_nid = w.room_nid and m.membership = 'join'
      and not m.is_local
    join users u on u.user_nid = w.user_nid
    join events e on e.event_nid = m.event_nid`.execute(tx);
  return rows.map((row) => ({
    userNid: row.user_nid,
    roomNid: row.room_nid,
    userId: row.user_id,
    displayName: row.name ?? undefined,
    memberJson: row.member_json === null ? undefined : unpackJson(row.member_json),
  }));
}

/** Writes down what users are found by in the place of all that was known of these keys. */
export async function replaceNames(
  tx: Tx,
  keys: readonly NameKey[],
  names: readonly UserNameTable[],
): Promise<void> {
  await sql`
    delete from user_names n using ${keysTable(keys)}
    where n.user_nid = w.user_nid and n.room_nid = w.room_nid`.execute(tx);
  await sql`
    insert into user_names (user_nid, room_nid, has_name, vector)
    select user_nid, room_nid, has_name, vector::tsvector
    from unnest(
      ${names.map((name) => name.user_nid)}::bigint[], ${names.map((name) => name.room_nid)}::bigint[],
      ${names.map((name) => name.has_name)}::boolean[], ${names.map((name) => name.vector)}::text[]
    ) as t (user_nid, room_nid, has_name, vector)`.execute(tx);
}

function keysTable(keys: readonly NameKey[]): ReturnType<typeof sql> {
  return sql`unnest(
    ${keys.map((key) => key.userNid)}::bigint[], ${keys.map((key) => key.roomNid)}::bigint[]
  ) as w (user_nid, room_nid)`;
}
