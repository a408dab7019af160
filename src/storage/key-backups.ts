import { sql } from 'kysely';
import type { Db, Tx } from './database.ts';

export interface KeyBackupTable {
  readonly user_nid: number;
  readonly version: number;
  readonly algorithm: string;
  /** JSON text. */
  readonly auth_data: string;
  readonly etag: number;
  readonly key_count: number;
  readonly deleted: boolean;
}

export interface BackedUpKeyTable {
  readonly user_nid: number;
  readonly version: number;
  readonly room_id: string;
  readonly session_id: string;
  readonly first_message_index: number;
  readonly forwarded_count: number;
  readonly is_verified: boolean;
  /** JSON text. */
  readonly session_data: string;
}

export interface KeyBackupTables {
  key_backups: KeyBackupTable;
  backed_up_keys: BackedUpKeyTable;
}

/** One version of a user's backup. */
export interface KeyBackup {
  readonly version: number;
  readonly algorithm: string;
  /** JSON text. */
  readonly authData: string;
  readonly etag: number;
  readonly keyCount: number;
  /** There is nothing in it, nor will be. */
  readonly deleted: boolean;
}

/** Which version of whose backup. */
export interface BackupAddress {
  readonly userNid: number;
  readonly version: number;
}

/** One room key in a backup. */
export interface BackedUpKey {
  readonly roomId: string;
  readonly sessionId: string;
  readonly firstMessageIndex: number;
  readonly forwardedCount: number;
  readonly isVerified: boolean;
  /** JSON text. */
  readonly sessionData: string;
}

/** Which keys of a backup: all, those of a room, or the one of a session. */
export interface KeyChoice {
  readonly roomId?: string;
  readonly sessionId?: string;
}

/** Begins a backup under the next number of its user. Two at once take turns; the transaction must hold the user's account. */
export async function insertBackup(
  tx: Tx,
  userNid: number,
  backup: { readonly algorithm: string; readonly authData: string },
): Promise<number> {
  const { rows } = await sql<{ version: number }>`
    insert into key_backups (user_nid, version, algorithm, auth_data, etag, key_count, deleted)
    select ${userNid}, coalesce(max(version), 0) + 1, ${backup.algorithm}, ${backup.authData}, 0, 0, false
    from key_backups where user_nid = ${userNid}
    returning version`.execute(tx);
  const version = rows[0]?.version;
  if (version === undefined) throw new Error('the new backup has no version');
  return version;
}

/** Makes transactions that begin backups of one user take turns. */
export async function lockAccount(tx: Tx, userNid: number): Promise<void> {
  await sql`select from accounts where user_nid = ${userNid} for update`.execute(tx);
}

/** A version, deleted ones too. `lock` keeps it as it is until the transaction ends. */
export async function findBackup(
  db: Db,
  address: BackupAddress,
  lock?: 'for update',
): Promise<KeyBackup | undefined> {
  const { rows } = await sql<KeyBackupTable>`
    select * from key_backups where user_nid = ${address.userNid} and version = ${address.version}
    ${lock === undefined ? sql`` : sql`for update`}`.execute(db);
  return rows[0] && readBackup(rows[0]);
}

/** The newest version that is not deleted. */
export async function findCurrentBackup(db: Db, userNid: number): Promise<KeyBackup | undefined> {
  const { rows } = await sql<KeyBackupTable>`
    select * from key_backups where user_nid = ${userNid} and not deleted order by version desc limit 1`.execute(
    db,
  );
  return rows[0] && readBackup(rows[0]);
}

/** Changes what a version says about its key. */
export async function setBackupAuthData(tx: Tx, address: BackupAddress, authData: string): Promise<void> {
  await sql`
    update key_backups set auth_data = ${authData}
    where user_nid = ${address.userNid} and version = ${address.version}`.execute(tx);
}

/** Deletes a version with its keys. */
export async function markBackupDeleted(tx: Tx, address: BackupAddress): Promise<void> {
  await sql`
    delete from backed_up_keys where user_nid = ${address.userNid} and version = ${address.version}`.execute(
    tx,
  );
  await sql`
    update key_backups set deleted = true, key_count = 0, auth_data = '{}'
    where user_nid = ${address.userNid} and version = ${address.version}`.execute(tx);
}

/** Deletes all that a user has backed up. */
export async function deleteBackupsOf(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from key_backups where user_nid = ${userNid}`.execute(tx);
}

/**
 * Stores keys, where there is one already only if the new one is better: verified rather than not, else from an
 * earlier message on, else forwarded less often. Returns how many were added and how many replaced.
 */
export async function putBackedUpKeys(
  tx: Tx,
  address: BackupAddress,
  keys: readonly BackedUpKey[],
): Promise<{ readonly added: number; readonly replaced: number }> {
  const { rows } = await sql<{ added: boolean }>`
    insert into backed_up_keys as kept (user_nid, version, room_id, session_id, first_message_index, forwarded_count,
      is_verified, session_data)
    select ${address.userNid}, ${address.version}, given.* from unnest(
      ${keys.map((key) => key.roomId)}::text[], ${keys.map((key) => key.sessionId)}::text[],
      ${keys.map((key) => key.firstMessageIndex)}::bigint[], ${keys.map((key) => key.forwardedCount)}::bigint[],
      ${keys.map((key) => key.isVerified)}::boolean[], ${keys.map((key) => key.sessionData)}::text[]
    ) as given
    on conflict (user_nid, version, room_id, session_id) do update set
      first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,
      is_verified = excluded.is_verified, session_data = excluded.session_data
    where (excluded.is_verified, -excluded.first_message_index, -excluded.forwarded_count)
      > (kept.is_verified, -kept.first_message_index, -kept.forwarded_count)
    returning xmax = 0 as added`.execute(tx);
  const added = rows.filter((row) => row.added).length;
  return { added, replaced: rows.length - added };
}

/** Deletes keys; returns how many there were. */
export async function deleteBackedUpKeys(tx: Tx, address: BackupAddress, choice: KeyChoice): Promise<number> {
  const { rows } = await sql`
    delete from backed_up_keys where ${chosen(address, choice)} returning 1`.execute(tx);
  return rows.length;
}

/** Notes that keys came, went or changed: the backup has another etag, and so many more keys. */
export async function recordBackupChange(
  tx: Tx,
  address: BackupAddress,
  moreKeys: number,
): Promise<KeyBackup> {
  const { rows } = await sql<KeyBackupTable>`
    update key_backups set etag = etag + 1, key_count = key_count + ${moreKeys}
    where user_nid = ${address.userNid} and version = ${address.version} returning *`.execute(tx);
  if (rows[0] === undefined) throw new Error('the backup is locked and yet gone');
  return readBackup(rows[0]);
}

/** Keys of a backup, by room and session. */
export async function listBackedUpKeys(
  db: Db,
  address: BackupAddress,
  choice: KeyChoice,
): Promise<BackedUpKey[]> {
  const { rows } = await sql<BackedUpKeyTable>`
    select * from backed_up_keys where ${chosen(address, choice)} order by room_id, session_id`.execute(db);
  return rows.map((row) => ({
    roomId: row.room_id,
    sessionId: row.session_id,
    firstMessageIndex: row.first_message_index,
    forwardedCount: row.forwarded_count,
    isVerified: row.is_verified,
    sessionData: row.session_data,
  }));
}

function chosen(address: BackupAddress, { roomId, sessionId }: KeyChoice) {
  return sql`user_nid = ${address.userNid} and version = ${address.version}
    ${roomId === undefined ? sql`` : sql`and room_id = ${roomId}`}
    ${sessionId === undefined ? sql`` : sql`and session_id = ${sessionId}`}`;
}

function readBackup(row: KeyBackupTable): KeyBackup {
  return {
    version: row.version,
    algorithm: row.algorithm,
    authData: row.auth_data,
    etag: row.etag,
    keyCount: row.key_count,
    deleted: row.deleted,
  };
}
