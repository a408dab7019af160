import { sql } from 'kysely';
import type { Db } from './database.ts';
import type { Membership, MembershipTable } from './memberships.ts';

/** What a user is in some rooms; rooms where they never were anything are left out. */
export async function listMembershipsIn(
  db: Db,
  roomNids: readonly number[],
  userNid: number,
): Promise<{ readonly roomNid: number; readonly membership: Membership; readonly eventNid: number }[]> {
  const { rows } = await sql<MembershipTable>`
    select room_nid, membership, event_nid from memberships
    where user_nid = ${userNid} and room_nid = any(${roomNids}::bigint[])`.execute(db);
  return rows.map((row) => ({ roomNid: row.room_nid, membership: row.membership, eventNid: row.event_nid }));
}
