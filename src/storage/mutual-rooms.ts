import { sql } from 'kysely';
import type { RoomId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

/** The interned ids of two users. */
export type UserPair = readonly [number, number];

/** The rooms that two users are both in, after one of them, in the order of their interned ids. */
export async function listMutualRooms(
  db: Db,
  [one, other]: UserPair,
  after: number,
  limit: number,
): Promise<{ readonly roomNid: number; readonly roomId: RoomId }[]> {
  const { rows } = await sql<{ room_nid: number; room_id: RoomId }>`
    select r.room_nid, r.room_id
    from memberships a
    join memberships b on b.room_nid = a.room_nid and b.user_nid = ${other} and b.membership = 'join'
    join rooms r on r.room_nid = a.room_nid
    where a.user_nid = ${one} and a.membership = 'join' and a.room_nid > ${after}
    order by a.room_nid limit ${limit}`.execute(db);
  return rows.map((row) => ({ roomNid: row.room_nid, roomId: row.room_id }));
}

/** How many rooms two users are both in. */
export async function countMutualRooms(db: Db, [one, other]: UserPair): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count
    from memberships a
    join memberships b on b.room_nid = a.room_nid and b.user_nid = ${other} and b.membership = 'join'
    where a.user_nid = ${one} and a.membership = 'join'`.execute(db);
  return rows[0]?.count ?? 0;
}
