import { sql } from 'kysely';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';
import type { DeviceAddress } from './device-keys.ts';

export interface OneTimeKeyTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly algorithm: string;
  readonly key_id: string;
  /** JSON text. */
  readonly key: string;
  readonly upload: number;
  readonly claimed_ts: number | null;
}

export interface OneTimeKeyChangeTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly position: number;
}

export interface OneTimeKeyTables {
  one_time_keys: OneTimeKeyTable;
  one_time_key_changes: OneTimeKeyChangeTable;
}

/** A key under its name `<algorithm>:<key id>`. */
export interface NamedKey {
  readonly algorithm: string;
  readonly keyId: string;
  /** JSON text. */
  readonly key: string;
}

/** A stored key, which may have been given out. */
export interface StoredOneTimeKey extends NamedKey {
  readonly isClaimed: boolean;
}

/** One key that somebody wants. */
export interface KeyWish {
  readonly userNid: number;
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly algorithm: string;
}

/** A key that answers a wish. */
export interface GivenKey extends NamedKey {
  readonly userNid: number;
  readonly deviceId: DeviceId;
}

/** Which of `keys` the device has already, by name: given out or not. */
export async function listOneTimeKeys(
  db: Db,
  device: DeviceAddress,
  keys: readonly NamedKey[],
): Promise<StoredOneTimeKey[]> {
  const { rows } = await sql<OneTimeKeyTable>`
    select stored.* from unnest(
      ${keys.map((key) => key.algorithm)}::text[], ${keys.map((key) => key.keyId)}::text[]
    ) as wanted (algorithm, key_id)
    join one_time_keys stored on stored.user_nid = ${device.userNid} and stored.device_id = ${device.deviceId}
      and stored.algorithm = wanted.algorithm and stored.key_id = wanted.key_id`.execute(db);
  return rows.map((row) => ({
    algorithm: row.algorithm,
    keyId: row.key_id,
    key: row.key,
    isClaimed: row.claimed_ts !== null,
  }));
}

/** Adds keys, all of one upload; one that was given out under the same name makes room. */
export async function insertOneTimeKeys(
  tx: Tx,
  device: DeviceAddress,
  keys: readonly NamedKey[],
): Promise<void> {
  if (keys.length === 0) return;
  await sql`
    insert into one_time_keys (user_nid, device_id, algorithm, key_id, key, upload)
    select ${device.userNid}, ${device.deviceId}, added.algorithm, added.key_id, added.key, number.upload
    from (select nextval('one_time_key_uploads') as upload) as number,
      unnest(
        ${keys.map((key) => key.algorithm)}::text[], ${keys.map((key) => key.keyId)}::text[],
        ${keys.map((key) => key.key)}::text[]
      ) as added (algorithm, key_id, key)
    on conflict (user_nid, device_id, algorithm, key_id)
      do update set key = excluded.key, upload = excluded.upload, claimed_ts = null`.execute(tx);
}

/**
 * Takes one key for each wish where there is one, the oldest upload first, so that nobody gets it again. The
 * transaction must hold the stream: of claims side by side one would take the key from under the other. Rows are found
 * by their place, or PostgreSQL would look through all keys of a device for each one that it takes.
 */
export async function takeOneTimeKeys(
  tx: Tx,
  wishes: readonly KeyWish[],
  nowTs: number,
): Promise<GivenKey[]> {
  const { rows } = await sql<OneTimeKeyTable>`
    update one_time_keys taken set claimed_ts = ${nowTs}
    where ctid = any(array(
      select next.ctid from unnest(
        ${wishes.map((wish) => wish.userNid)}::bigint[], ${wishes.map((wish) => wish.deviceId)}::text[],
        ${wishes.map((wish) => wish.algorithm)}::text[]
      ) as wish (user_nid, device_id, algorithm)
      cross join lateral (
        select k.ctid from one_time_keys k
        where k.user_nid = wish.user_nid and k.device_id = wish.device_id and k.algorithm = wish.algorithm
          and k.claimed_ts is null
        order by k.upload, k.key_id limit 1
      ) as next))
    returning taken.*`.execute(tx);
  return rows.map((row) => ({
    userNid: row.user_nid,
    deviceId: row.device_id,
    algorithm: row.algorithm,
    keyId: row.key_id,
    key: row.key,
  }));
}

/** How many keys of each algorithm have not been given out. */
export async function countOneTimeKeys(db: Db, device: DeviceAddress): Promise<Map<string, number>> {
  const { rows } = await sql<{ algorithm: string; count: number }>`
    select algorithm, count(*) as count from one_time_keys
    where user_nid = ${device.userNid} and device_id = ${device.deviceId} and claimed_ts is null
    group by algorithm`.execute(db);
  return new Map(rows.map((row) => [row.algorithm, row.count]));
}

/** Forgets all one-time keys of a device: they belong to an identity that it has no more. */
export async function deleteOneTimeKeys(tx: Tx, device: DeviceAddress): Promise<void> {
  await sql`
    delete from one_time_keys where user_nid = ${device.userNid} and device_id = ${device.deviceId}`.execute(
    tx,
  );
}

/** Forgets which keys were given out before a time: nobody repeats an upload after that long. */
export async function deleteOldClaims(db: Db, beforeTs: number): Promise<void> {
  await sql`delete from one_time_keys where claimed_ts < ${beforeTs}`.execute(db);
}

/** Notes that the one-time keys or fallback keys of these devices changed, as of `position`. */
export async function recordOneTimeKeyChanges(
  tx: Tx,
  devices: readonly DeviceAddress[],
  position: number,
): Promise<void> {
  await sql`
    insert into one_time_key_changes (user_nid, device_id, position)
    select distinct user_nid, device_id, ${position}::bigint from unnest(
      ${devices.map((device) => device.userNid)}::bigint[], ${devices.map((device) => device.deviceId)}::text[]
    ) as changed (user_nid, device_id)
    on conflict (user_nid, device_id) do update set position = excluded.position`.execute(tx);
}

/** Where the one-time keys or fallback keys of a device last changed; 0 for never. */
export async function findOneTimeKeyChange(db: Db, device: DeviceAddress): Promise<number> {
  const { rows } = await sql<{ position: number }>`
    select position from one_time_key_changes
    where user_nid = ${device.userNid} and device_id = ${device.deviceId}`.execute(db);
  return rows[0]?.position ?? 0;
}
