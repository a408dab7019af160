import { sql } from 'kysely';
import type { Db, Tx } from './database.ts';

export interface AccountDataTable {
  readonly user_nid: number;
  /** 0 for what belongs to no room. */
  readonly room_nid: number;
  readonly type: string;
  /** JSON text. */
  readonly content: string;
  readonly is_deleted: boolean;
  readonly position: number;
}

export interface AccountDataTables {
  account_data: AccountDataTable;
}

/** Which piece of account data is meant. */
export interface AccountDataKey {
  readonly userNid: number;
  /** undefined for what belongs to no room. */
  readonly roomNid: number | undefined;
  readonly type: string;
}

/** A piece of account data. */
export interface AccountDatum {
  readonly roomNid: number | undefined;
  readonly type: string;
  /** JSON text; of what was deleted, `{}`. */
  readonly content: string;
}

const NO_ROOM = 0;

/** The content of a piece of account data, JSON text; undefined for what is not there, or no more. */
export async function findAccountData(db: Db, key: AccountDataKey): Promise<string | undefined> {
  const { rows } = await sql<{ content: string }>`
    select content from account_data
    where user_nid = ${key.userNid} and room_nid = ${key.roomNid ?? NO_ROOM} and type = ${key.type}
      and not is_deleted`.execute(db);
  return rows[0]?.content;
}

/** Writes a piece of account data at a position; undefined deletes it, and leaves a trace for who has it. */
export async function putAccountData(
  tx: Tx,
  key: AccountDataKey,
  content: string | undefined,
  position: number,
): Promise<void> {
  await sql`
    insert into account_data (user_nid, room_nid, type, content, is_deleted, position)
    values (${key.userNid}, ${key.roomNid ?? NO_ROOM}, ${key.type}, ${content ?? '{}'}, ${content === undefined},
      ${position})
    on conflict (user_nid, room_nid, type) do update
    set content = excluded.content, is_deleted = excluded.is_deleted, position = excluded.position`.execute(
    tx,
  );
}

/** What a user has set for one device lies under a type that ends with its id. */
const TYPES_OF_DEVICE: readonly string[] = [
  'm.local_notification_settings.',
  'org.matrix.msc3890.local_notification_settings.',
];

/**
 * Deletes what was set for devices that are gone, at a position.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/3890
 */
export async function deleteDeviceSettings(
  tx: Tx,
  userNid: number,
  deviceIds: readonly string[],
  position: number,
): Promise<void> {
  const types = deviceIds.flatMap((deviceId) => TYPES_OF_DEVICE.map((prefix) => prefix + deviceId));
  await sql`
    update account_data set content = '{}', is_deleted = true, position = ${position}
    where user_nid = ${userNid} and room_nid = ${NO_ROOM} and type = any(${types}) and not is_deleted`.execute(
    tx,
  );
}

/**
 * A user's account data that changed in `(after, upTo]`, in the order of that. With `after` undefined, all that is
 * there, without what was deleted.
 */
export async function listAccountData(
  db: Db,
  userNid: number,
  after: number | undefined,
  upTo: number,
): Promise<AccountDatum[]> {
  const { rows } = await sql<AccountDataTable>`
    select room_nid, type, content from account_data
    where user_nid = ${userNid} and position > ${after ?? -1} and position <= ${upTo}
      and (not is_deleted or ${after !== undefined})
    order by position, room_nid, type`.execute(db);
  return rows.map((row) => ({
    roomNid: row.room_nid === NO_ROOM ? undefined : row.room_nid,
    type: row.type,
    content: row.content,
  }));
}

/** Removes all of a user's account data: the account ends. */
export async function deleteAccountData(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from account_data where user_nid = ${userNid}`.execute(tx);
}
