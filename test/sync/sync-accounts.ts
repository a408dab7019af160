import { sql } from 'kysely';
import type { DeviceId, UserId } from '../../src/matrix/identifiers.ts';
import type { Db } from '../../src/storage/database.ts';
import { internUsers } from '../../src/storage/users.ts';

/** Makes an account with one device, as far as messages to devices ask for it. */
export async function makeAccount(db: Db, userId: UserId, deviceId: DeviceId): Promise<void> {
  const userNid = (await internUsers(db, [userId])).get(userId);
  await sql`insert into accounts (user_nid, is_guest, is_admin, created_ts) values (${userNid}, false, false, 0)`.execute(
    db,
  );
  await sql`insert into devices (user_nid, device_id, created_ts) values (${userNid}, ${deviceId}, 0)`.execute(
    db,
  );
}
