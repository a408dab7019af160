import { sql } from 'kysely';
import type { RoomId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

export interface ServerNoticeRoomTable {
  readonly user_nid: number;
  readonly room_nid: number;
}

export interface ServerNoticeTables {
  server_notice_rooms: ServerNoticeRoomTable;
}

/** The room in which a user reads server notices; undefined before the first one. */
export async function findNoticeRoom(db: Db, userNid: number): Promise<RoomId | undefined> {
  const { rows } = await sql<{ room_id: RoomId }>`
    select r.room_id from server_notice_rooms n join rooms r on r.room_nid = n.room_nid
    where n.user_nid = ${userNid}`.execute(db);
  return rows[0]?.room_id;
}

/** Makes a room the one for a user's notices; false when there is one already. */
export async function insertNoticeRoom(db: Db, userNid: number, roomNid: number): Promise<boolean> {
  const { rows } = await sql`
    insert into server_notice_rooms (user_nid, room_nid) values (${userNid}, ${roomNid})
    on conflict do nothing returning 1`.execute(db);
  return rows.length > 0;
}
