import { sql } from 'kysely';
import type { EventId, UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

/** m.read is for everyone in the room, m.read.private for its owner's clients only. */
export type ReceiptType = 'm.read' | 'm.read.private';

export interface ReceiptTable {
  readonly room_nid: number;
  readonly user_nid: number;
  readonly type: ReceiptType;
  /** Empty for a receipt for all threads. */
  readonly thread_id: string;
  readonly event_id: EventId;
  readonly event_position: number;
  readonly received_ts: number;
  readonly position: number;
}

export interface ReceiptTables {
  receipts: ReceiptTable;
}

/** That a user has read a room, or one thread of it, up to an event. */
export interface Receipt {
  readonly roomNid: number;
  readonly userNid: number;
  readonly type: ReceiptType;
  /** `main`, the id of a thread's root, or undefined for a receipt for all threads. */
  readonly threadId: string | undefined;
  readonly eventId: EventId;
  /** Where in the stream the event is. */
  readonly eventPosition: number;
  /** Milliseconds since the epoch. */
  readonly receivedTs: number;
}

/** A receipt with the name of its owner. */
export interface OwnedReceipt extends Receipt {
  readonly userId: UserId;
}

const NO_THREAD = '';

/** Whether the receipt would bring its owner further than the one that is there. */
export async function isReceiptNewer(db: Db, receipt: Receipt): Promise<boolean> {
  const { rows } = await sql`
    select from receipts
    where room_nid = ${receipt.roomNid} and user_nid = ${receipt.userNid} and type = ${receipt.type}
      and thread_id = ${receipt.threadId ?? NO_THREAD} and event_position >= ${receipt.eventPosition}`.execute(
    db,
  );
  return rows.length === 0;
}

/** Stores a receipt in place of an older one for the same type and thread; false when that one is for a later event, or the same. */
export async function putReceipt(tx: Tx, receipt: Receipt, position: number): Promise<boolean> {
  const { rows } = await sql`
    insert into receipts
      (room_nid, user_nid, type, thread_id, event_id, event_position, received_ts, position)
    values (${receipt.roomNid}, ${receipt.userNid}, ${receipt.type}, ${receipt.threadId ?? NO_THREAD},
      ${receipt.eventId}, ${receipt.eventPosition}, ${receipt.receivedTs}, ${position})
    on conflict (room_nid, user_nid, type, thread_id) do update
    set event_id = excluded.event_id, event_position = excluded.event_position,
      received_ts = excluded.received_ts, position = excluded.position
    where receipts.event_position < excluded.event_position
    returning 1`.execute(tx);
  return rows.length > 0;
}

/** The receipts of some rooms that changed in `(after, upTo]` and that a user may see: all but the private ones of others. */
export async function listReceipts(
  db: Db,
  viewerNid: number,
  roomNids: readonly number[],
  after: number,
  upTo: number,
): Promise<OwnedReceipt[]> {
  if (roomNids.length === 0) return [];
  const { rows } = await sql<ReceiptTable & { user_id: UserId }>`
    select r.*, u.user_id from receipts r join users u on u.user_nid = r.user_nid
    where r.room_nid = any(${roomNids}::bigint[]) and r.position > ${after} and r.position <= ${upTo}
      and (r.type = 'm.read' or r.user_nid = ${viewerNid})
    order by r.position, r.user_nid, r.type, r.thread_id`.execute(db);
  return rows.map((row) => ({ userId: row.user_id, ...readRow(row) }));
}

/** All receipts of some rooms that changed in `(after, upTo]`; private ones are not for everyone to see. */
export async function listAllReceipts(
  db: Db,
  roomNids: readonly number[],
  after: number,
  upTo: number,
): Promise<OwnedReceipt[]> {
  const { rows } = await sql<ReceiptTable & { user_id: UserId }>`
    select r.*, u.user_id from receipts r join users u on u.user_nid = r.user_nid
    where r.room_nid = any(${roomNids}::bigint[]) and r.position > ${after} and r.position <= ${upTo}
    order by r.position, r.user_nid, r.type, r.thread_id`.execute(db);
  return rows.map((row) => ({ userId: row.user_id, ...readRow(row) }));
}

/** A user's own receipts in some rooms, private ones too: what unread counts start from. */
export async function listReceiptsOf(
  db: Db,
  userNid: number,
  roomNids: readonly number[],
): Promise<Receipt[]> {
  if (roomNids.length === 0) return [];
  const { rows } = await sql<ReceiptTable>`
    select * from receipts where user_nid = ${userNid} and room_nid = any(${roomNids}::bigint[])
    order by room_nid, type, thread_id`.execute(db);
  return rows.map(readRow);
}

function readRow(row: ReceiptTable): Receipt {
  return {
    roomNid: row.room_nid,
    userNid: row.user_nid,
    type: row.type,
    threadId: row.thread_id === NO_THREAD ? undefined : row.thread_id,
    eventId: row.event_id,
    eventPosition: row.event_position,
    receivedTs: row.received_ts,
  };
}
