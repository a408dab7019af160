import { sql } from 'kysely';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

export interface DeviceKeyTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  /** JSON text. */
  readonly keys: string;
}

export interface DeviceKeySignatureTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly key_id: string;
  readonly signature: string;
}

export interface DeviceKeyTables {
  device_keys: DeviceKeyTable;
  device_key_signatures: DeviceKeySignatureTable;
}

/** The device of a user of this server. */
export interface DeviceAddress {
  readonly userNid: number;
  readonly deviceId: DeviceId;
}

/** What a device has published about itself. */
export interface StoredDeviceKeys {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly displayName: string | undefined;
  /** JSON text as uploaded. */
  readonly keys: string;
  /** By the owner's self-signing key: key id → signature. */
  readonly signatures: ReadonlyMap<string, string>;
}

/** Stores a device's keys in place of earlier ones, and forgets who vouched for those. */
export async function putDeviceKeys(tx: Tx, device: DeviceAddress, keys: string): Promise<void> {
  await sql`
    delete from device_key_signatures where user_nid = ${device.userNid} and device_id = ${device.deviceId}`.execute(
    tx,
  );
  await sql`
    insert into device_keys (user_nid, device_id, keys) values (${device.userNid}, ${device.deviceId}, ${keys})
    on conflict (user_nid, device_id) do update set keys = excluded.keys`.execute(tx);
}

/** Stores the same keys signed anew: who vouched for them still does. */
export async function setDeviceKeys(tx: Tx, device: DeviceAddress, keys: string): Promise<void> {
  await sql`
    update device_keys set keys = ${keys}
    where user_nid = ${device.userNid} and device_id = ${device.deviceId}`.execute(tx);
}

/** The keys of one device as JSON text. */
export async function findDeviceKeys(db: Db, device: DeviceAddress): Promise<string | undefined> {
  const { rows } = await sql<{ keys: string }>`
    select keys from device_keys where user_nid = ${device.userNid} and device_id = ${device.deviceId}`.execute(
    db,
  );
  return rows[0]?.keys;
}

/** Which users of this server there are, deactivated ones too, among `userIds`. */
export async function listLocalUsers(db: Db, userIds: readonly UserId[]): Promise<Map<UserId, number>> {
  const { rows } = await sql<{ user_id: UserId; user_nid: number }>`
    select u.user_id, u.user_nid from users u join accounts a on a.user_nid = u.user_nid
    where u.user_id = any(${userIds}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.user_id, row.user_nid]));
}

interface DeviceKeyRow extends DeviceKeyTable {
  readonly user_id: UserId;
  readonly display_name: string | null;
  readonly signatures: Readonly<Record<string, string>> | null;
}

/** The keys of all devices of these users that have uploaded any. */
export async function listDeviceKeys(db: Db, userNids: readonly number[]): Promise<StoredDeviceKeys[]> {
  const { rows } = await sql<DeviceKeyRow>`
    select k.user_nid, k.device_id, k.keys, u.user_id, d.display_name,
      (select json_object_agg(s.key_id, s.signature) from device_key_signatures s
        where s.user_nid = k.user_nid and s.device_id = k.device_id) as signatures
    from device_keys k
    join devices d on d.user_nid = k.user_nid and d.device_id = k.device_id
    join users u on u.user_nid = k.user_nid
    where k.user_nid = any(${userNids}::bigint[])
    order by k.user_nid, k.device_id`.execute(db);
  return rows.map((row) => ({
    userId: row.user_id,
    deviceId: row.device_id,
    displayName: row.display_name ?? undefined,
    keys: row.keys,
    signatures: new Map(Object.entries(row.signatures ?? {})),
  }));
}

/** Stores that a self-signing key has signed a device's keys; false when the same was stored before. */
export async function putDeviceKeySignature(
  tx: Tx,
  device: DeviceAddress,
  keyId: string,
  signature: string,
): Promise<boolean> {
  const { rows } = await sql`
    insert into device_key_signatures (user_nid, device_id, key_id, signature)
    values (${device.userNid}, ${device.deviceId}, ${keyId}, ${signature})
    on conflict (user_nid, device_id, key_id) do update set signature = excluded.signature
      where device_key_signatures.signature <> excluded.signature
    returning 1`.execute(tx);
  return rows.length > 0;
}

/** Forgets what a self-signing key vouched for: it has been replaced. */
export async function deleteDeviceKeySignaturesOf(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from device_key_signatures where user_nid = ${userNid}`.execute(tx);
}
