import { sql, type Generated } from 'kysely';
import type { DeviceId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';
import { noteSessionsChanged } from './session-changes.ts';

export interface DeviceTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly display_name: string | null;
  readonly created_ts: number;
  readonly last_seen_ts: number | null;
  readonly last_seen_ip: string | null;
  readonly last_seen_user_agent: string | null;
}

export interface DeviceListChangeTable {
  readonly user_nid: number;
  /** Empty for the user's cross-signing keys. */
  readonly device_id: Generated<string>;
  readonly position: number;
}

export interface DeviceTables {
  devices: DeviceTable;
  device_list_changes: DeviceListChangeTable;
}

/** A device of a user of this server, as its owner sees it. */
export interface Device {
  readonly deviceId: DeviceId;
  readonly displayName: string | undefined;
  readonly lastSeenTs: number | undefined;
  readonly lastSeenIp: string | undefined;
}

/** Where and when a device was heard of. */
export interface Sighting {
  readonly nowTs: number;
  readonly ip: string;
  readonly userAgent: string | undefined;
}

/** Makes the device unless the user has it already; the display name of a known device stays as it is. */
export async function upsertDevice(
  tx: Tx,
  device: { readonly userNid: number; readonly deviceId: DeviceId; readonly displayName: string | undefined },
  seen: Sighting,
): Promise<void> {
  const sighting = {
    last_seen_ts: seen.nowTs,
    last_seen_ip: seen.ip,
    last_seen_user_agent: seen.userAgent ?? null,
  };
  await tx
    .insertInto('devices')
    .values({
      user_nid: device.userNid,
      device_id: device.deviceId,
      display_name: device.displayName ?? null,
      created_ts: seen.nowTs,
      ...sighting,
    })
    .onConflict((conflict) => conflict.columns(['user_nid', 'device_id']).doUpdateSet(sighting))
    .execute();
}

/** Makes a device that nobody has been seen on; the user must not have it. */
export async function insertUnseenDevice(
  tx: Tx,
  device: { readonly userNid: number; readonly deviceId: DeviceId; readonly displayName: string | undefined },
  nowTs: number,
): Promise<void> {
  await tx
    .insertInto('devices')
    .values({
      user_nid: device.userNid,
      device_id: device.deviceId,
      display_name: device.displayName ?? null,
      created_ts: nowTs,
    })
    .execute();
}

/** A user's devices, oldest first. */
export async function listDevices(db: Db, userNid: number): Promise<readonly Device[]> {
  const rows = await deviceRows(db, userNid).orderBy('created_ts').orderBy('device_id').execute();
  return rows.map(toDevice);
}

/** One device of a user. */
export async function findDevice(db: Db, userNid: number, deviceId: DeviceId): Promise<Device | undefined> {
  const row = await deviceRows(db, userNid).where('device_id', '=', deviceId).executeTakeFirst();
  return row && toDevice(row);
}

/**
 * Keeps a device from being deleted until the transaction ends; false when it has gone already. For what hangs on the
 * device a request came from: that may be logged out between its authentication and here.
 */
export async function holdDevice(
  tx: Tx,
  device: { readonly userNid: number; readonly deviceId: DeviceId },
): Promise<boolean> {
  const { rows } = await sql`
    select 1 from devices where user_nid = ${device.userNid} and device_id = ${device.deviceId}
    for key share`.execute(tx);
  return rows.length > 0;
}

/** Renames a device; false when the user has no such device. */
export async function setDeviceName(
  tx: Tx,
  device: { readonly userNid: number; readonly deviceId: DeviceId; readonly displayName: string },
): Promise<boolean> {
  const result = await tx
    .updateTable('devices')
    .set({ display_name: device.displayName })
    .where('user_nid', '=', device.userNid)
    .where('device_id', '=', device.deviceId)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Which of a user's devices are meant: those listed, or all but one. */
export type DeviceChoice = { readonly only: readonly DeviceId[] } | { readonly allBut: DeviceId | undefined };

/**
 * Deletes devices with all that hangs on them (sessions and tokens, waiting messages, answers kept for repeated
 * transactions); unknown ones are passed over. Returns those that were there.
 */
export async function deleteDevices(
  tx: Tx,
  userNid: number,
  choice: DeviceChoice,
): Promise<readonly DeviceId[]> {
  const chosen =
    'only' in choice
      ? sql`device_id = any(${choice.only}::text[])`
      : sql`device_id is distinct from ${choice.allBut ?? null}::text`;
  const { rows } = await sql<{ device_id: DeviceId }>`
    delete from devices where user_nid = ${userNid} and ${chosen} returning device_id`.execute(tx);
  const deleted = rows.map((row) => row.device_id);
  if (deleted.length > 0) await noteSessionsChanged(tx);
  await sql`
    delete from client_transactions where user_nid = ${userNid} and device_id = any(${deleted}::text[])`.execute(
    tx,
  );
  return deleted;
}

/** Notes the sighting, unless one within the last `throttleMs` is known (to another process as well). */
export async function recordSighting(
  db: Db,
  device: { readonly userNid: number; readonly deviceId: DeviceId },
  seen: Sighting,
  throttleMs: number,
): Promise<void> {
  await sql`
    update devices
    set last_seen_ts = ${seen.nowTs}, last_seen_ip = ${seen.ip}, last_seen_user_agent = ${seen.userAgent ?? null}
    where user_nid = ${device.userNid} and device_id = ${device.deviceId}
      and (last_seen_ts is null or last_seen_ts <= ${seen.nowTs - throttleMs})`.execute(db);
}

/** Notes that others must look at these devices again, as of `position`. */
export async function recordDeviceListChanges(
  tx: Tx,
  userNid: number,
  deviceIds: readonly string[],
  position: number,
): Promise<void> {
  await sql`
    insert into device_list_changes (user_nid, device_id, position)
    select ${userNid}, device_id, ${position} from unnest(${deviceIds}::text[]) as device_id
    on conflict (user_nid, device_id) do update set position = excluded.position`.execute(tx);
}

/** Those of `userNids` whose device list or cross-signing keys changed after `sincePosition`. */
export async function listDeviceListChanges(
  db: Db,
  userNids: readonly number[],
  sincePosition: number,
): Promise<readonly number[]> {
  const { rows } = await sql<{ user_nid: number }>`
    select distinct user_nid from device_list_changes
    where position > ${sincePosition} and user_nid = any(${userNids}::bigint[])
    order by user_nid`.execute(db);
  return rows.map((row) => row.user_nid);
}

interface DeviceRow {
  readonly device_id: DeviceId;
  readonly display_name: string | null;
  readonly last_seen_ts: number | null;
  readonly last_seen_ip: string | null;
}

function deviceRows(db: Db, userNid: number) {
  return db
    .selectFrom('devices')
    .select(['device_id', 'display_name', 'last_seen_ts', 'last_seen_ip'])
    .where('user_nid', '=', userNid);
}

function toDevice(row: DeviceRow): Device {
  return {
    deviceId: row.device_id,
    displayName: row.display_name ?? undefined,
    lastSeenTs: row.last_seen_ts ?? undefined,
    lastSeenIp: row.last_seen_ip ?? undefined,
  };
}
