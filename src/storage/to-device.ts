import { sql } from 'kysely';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

export interface ToDeviceMessageTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly position: number;
  readonly sender: UserId;
  readonly type: string;
  /** JSON text. */
  readonly content: string;
}

export interface ToDeviceTables {
  to_device_messages: ToDeviceMessageTable;
}

/** One content for one device of a user, or with `*` for each of them. */
export interface AddressedContent {
  readonly userId: UserId;
  /** `*` is a possible device id, and means every device. */
  readonly deviceId: DeviceId;
  /** JSON text. */
  readonly content: string;
}

/** A message that waits for its device. */
export interface WaitingMessage {
  readonly position: number;
  readonly sender: UserId;
  readonly type: string;
  /** JSON text. */
  readonly content: string;
}

/** The device whose mailbox is meant. */
export interface Mailbox {
  readonly userNid: number;
  readonly deviceId: DeviceId;
}

/**
 * Puts each content into the mailbox of every local device that it is addressed to, at one position; where a
 * device is named as well as meant by `*`, what names it counts. Users and devices that are not here are passed
 * over. Returns the users who got something.
 */
export async function insertToDeviceMessages(
  tx: Tx,
  position: number,
  from: { readonly sender: UserId; readonly type: string },
  messages: readonly AddressedContent[],
): Promise<readonly number[]> {
  const userIds = messages.map((message) => message.userId);
  const deviceIds = messages.map((message) => message.deviceId);
  const contents = messages.map((message) => message.content);
  const { rows } = await sql<{ user_nid: number }>`
    insert into to_device_messages (user_nid, device_id, position, sender, type, content)
    select distinct on (devices.user_nid, devices.device_id)
      devices.user_nid, devices.device_id, ${position}::bigint, ${from.sender}, ${from.type}, addressed.content
    from unnest(${userIds}::text[], ${deviceIds}::text[], ${contents}::text[]) as addressed (user_id, device_id, content)
    join users on users.user_id = addressed.user_id
    join devices on devices.user_nid = users.user_nid
      and (addressed.device_id = '*' or devices.device_id = addressed.device_id)
    order by devices.user_nid, devices.device_id, addressed.device_id = '*'
    returning user_nid`.execute(tx);
  return [...new Set(rows.map((row) => row.user_nid))];
}

/** The oldest `limit` messages of a mailbox with `sincePosition < position <= toPosition`, oldest first. */
export async function listToDevice(
  db: Db,
  mailbox: Mailbox,
  sincePosition: number,
  toPosition: number,
  limit: number,
): Promise<readonly WaitingMessage[]> {
  return db
    .selectFrom('to_device_messages')
    .select(['position', 'sender', 'type', 'content'])
    .where('user_nid', '=', mailbox.userNid)
    .where('device_id', '=', mailbox.deviceId)
    .where('position', '>', sincePosition)
    .where('position', '<=', toPosition)
    .orderBy('position')
    .limit(limit)
    .execute();
}

/** Empties a mailbox up to and with `position`: its device has synced from there. */
export async function deleteToDeviceUpTo(db: Db, mailbox: Mailbox, position: number): Promise<void> {
  await db
    .deleteFrom('to_device_messages')
    .where('user_nid', '=', mailbox.userNid)
    .where('device_id', '=', mailbox.deviceId)
    .where('position', '<=', position)
    .execute();
}
