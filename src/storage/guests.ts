import { sql } from 'kysely';
import type { RoomId, UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

/** A guest of this server. */
export interface Guest {
  readonly userNid: number;
  readonly userId: UserId;
}

/** Whether there is a guest among some users. */
export async function hasGuest(db: Db, userNids: readonly number[]): Promise<boolean> {
  const { rows } = await sql`
    select from accounts where user_nid = any(${userNids}::bigint[]) and is_guest limit 1`.execute(db);
  return rows.length > 0;
}

/** The rooms in which a guest is. */
export async function listRoomsWithGuests(db: Db): Promise<{ roomNid: number; roomId: RoomId }[]> {
  const { rows } = await sql<{ room_nid: number; room_id: RoomId }>`
    select distinct r.room_nid, r.room_id
    from accounts a join memberships m on m.user_nid = a.user_nid join rooms r on r.room_nid = m.room_nid
    where a.is_guest and m.membership = 'join'
    order by r.room_nid`.execute(db);
  return rows.map((row) => ({ roomNid: row.room_nid, roomId: row.room_id }));
}

/** The guests in a room, in order of their ids: up to `limit` of those after `afterNid`. */
export async function listGuestsIn(
  db: Db,
  roomNid: number,
  afterNid: number,
  limit: number,
): Promise<Guest[]> {
  const { rows } = await sql<{ user_nid: number; user_id: UserId }>`
    select m.user_nid, u.user_id
    from memberships m join accounts a on a.user_nid = m.user_nid join users u on u.user_nid = m.user_nid
    where m.room_nid = ${roomNid} and m.user_nid > ${afterNid} and m.membership = 'join' and a.is_guest
    order by m.user_nid limit ${limit}`.execute(db);
  return rows.map((row) => ({ userNid: row.user_nid, userId: row.user_id }));
}
