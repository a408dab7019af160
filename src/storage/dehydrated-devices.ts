import { sql } from 'kysely';
import type { DeviceId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

export interface DehydratedDeviceTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  /** JSON text. */
  readonly device_data: string;
}

export interface DehydratedDeviceTables {
  dehydrated_devices: DehydratedDeviceTable;
}

/** A user's device that nobody is logged in on. */
export interface DehydratedDevice {
  readonly deviceId: DeviceId;
  /** JSON text. */
  readonly deviceData: string;
}

/** The user's dehydrated device, if there is one. */
export async function findDehydratedDevice(db: Db, userNid: number): Promise<DehydratedDevice | undefined> {
  const { rows } = await sql<DehydratedDeviceTable>`
    select * from dehydrated_devices where user_nid = ${userNid}`.execute(db);
  const row = rows[0];
  return row && { deviceId: row.device_id, deviceData: row.device_data };
}

/** Makes a device, which must exist, the user's dehydrated one, in place of any other. */
export async function putDehydratedDevice(tx: Tx, userNid: number, device: DehydratedDevice): Promise<void> {
  await sql`
    insert into dehydrated_devices (user_nid, device_id, device_data)
    values (${userNid}, ${device.deviceId}, ${device.deviceData})
    on conflict (user_nid) do update set device_id = excluded.device_id, device_data = excluded.device_data`.execute(
    tx,
  );
}
