import { sql } from 'kysely';
import type { DeviceId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';
import type { DeviceAddress } from './device-keys.ts';
import type { GivenKey, KeyWish, NamedKey } from './one-time-keys.ts';

export interface FallbackKeyTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly algorithm: string;
  readonly key_id: string;
  /** JSON text. */
  readonly key: string;
  readonly used: boolean;
}

export interface FallbackKeyTables {
  fallback_keys: FallbackKeyTable;
}

/** Stores one unused key for each algorithm; one that is the same as before stays as it is. True if any is new. */
export async function putFallbackKeys(
  tx: Tx,
  device: DeviceAddress,
  keys: readonly NamedKey[],
): Promise<boolean> {
  if (keys.length === 0) return false;
  const { rows } = await sql`
    insert into fallback_keys (user_nid, device_id, algorithm, key_id, key, used)
    select ${device.userNid}, ${device.deviceId}, algorithm, key_id, key, false from unnest(
      ${keys.map((key) => key.algorithm)}::text[], ${keys.map((key) => key.keyId)}::text[],
      ${keys.map((key) => key.key)}::text[]
    ) as given (algorithm, key_id, key)
    on conflict (user_nid, device_id, algorithm)
      do update set key_id = excluded.key_id, key = excluded.key, used = false
      where (fallback_keys.key_id, fallback_keys.key) is distinct from (excluded.key_id, excluded.key)
    returning 1`.execute(tx);
  return rows.length > 0;
}

/** A fallback key with whether this was the first time that it was given out. */
export interface GivenFallbackKey extends GivenKey {
  readonly isFirstUse: boolean;
}

/** The fallback key for each wish where there is one; each counts as used from now on. */
export async function useFallbackKeys(tx: Tx, wishes: readonly KeyWish[]): Promise<GivenFallbackKey[]> {
  if (wishes.length === 0) return [];
  const { rows } = await sql<FallbackKeyTable & { was_used: boolean }>`
    update fallback_keys given set used = true
    from (
      select k.user_nid, k.device_id, k.algorithm, k.used as was_used from fallback_keys k
      join unnest(
        ${wishes.map((wish) => wish.userNid)}::bigint[], ${wishes.map((wish) => wish.deviceId)}::text[],
        ${wishes.map((wish) => wish.algorithm)}::text[]
      ) as wish (user_nid, device_id, algorithm)
        on k.user_nid = wish.user_nid and k.device_id = wish.device_id and k.algorithm = wish.algorithm
    ) as found
    where given.user_nid = found.user_nid and given.device_id = found.device_id
      and given.algorithm = found.algorithm
    returning given.*, found.was_used`.execute(tx);
  return rows.map((row) => ({
    userNid: row.user_nid,
    deviceId: row.device_id,
    algorithm: row.algorithm,
    keyId: row.key_id,
    key: row.key,
    isFirstUse: !row.was_used,
  }));
}

/** The algorithms for which the device has a fallback key that was never given out, in order. */
export async function listUnusedFallbackAlgorithms(db: Db, device: DeviceAddress): Promise<string[]> {
  const { rows } = await sql<{ algorithm: string }>`
    select algorithm from fallback_keys
    where user_nid = ${device.userNid} and device_id = ${device.deviceId} and not used order by algorithm`.execute(
    db,
  );
  return rows.map((row) => row.algorithm);
}

/** Forgets the fallback keys of a device: they belong to an identity that it has no more. */
export async function deleteFallbackKeys(tx: Tx, device: DeviceAddress): Promise<void> {
  await sql`
    delete from fallback_keys where user_nid = ${device.userNid} and device_id = ${device.deviceId}`.execute(
    tx,
  );
}
