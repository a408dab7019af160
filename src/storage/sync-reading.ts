import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';
import { stateRootOf, type StateRoot } from './state-node.ts';

/** Those of the rooms in whose timelines something was placed in `(after, upTo]`. */
export async function listRoomsWithNews(
  db: Db,
  roomNids: readonly number[],
  after: number,
  upTo: number,
): Promise<number[]> {
  if (roomNids.length === 0) return [];
  const { rows } = await sql<{ room_nid: number }>`
    select room_nid from unnest(${roomNids}::bigint[]) as wanted (room_nid)
    where exists (
      select from events e where e.room_nid = wanted.room_nid and e.position > ${after} and e.position <= ${upTo})`.execute(
    db,
  );
  return rows.map((row) => row.room_nid);
}

/** The state roots that were current in a room at some positions; a position before the room's first event is left out. */
export async function listStateRootsAt(
  db: Db,
  roomNid: number,
  positions: readonly number[],
): Promise<Map<number, StateRoot>> {
  const { rows } = await sql<{ at: number; state_root: Buffer }>`
    select wanted.at, current.state_root
    from unnest(${positions}::bigint[]) as wanted (at)
    cross join lateral (
      select state_root from room_states where room_nid = ${roomNid} and position <= wanted.at
      order by position desc limit 1
    ) as current`.execute(db);
  return new Map(rows.map((row) => [row.at, stateRootOf(row.state_root)]));
}

/** Those of the rooms that the user has forgotten. */
export async function listForgotten(
  db: Db,
  userNid: number,
  roomNids: readonly number[],
): Promise<Set<number>> {
  if (roomNids.length === 0) return new Set();
  const { rows } = await sql<{ room_nid: number }>`
    select room_nid from memberships
    where user_nid = ${userNid} and forgotten and room_nid = any(${roomNids}::bigint[])`.execute(db);
  return new Set(rows.map((row) => row.room_nid));
}

/** How many are in a room, and who has been there longest. */
export interface MemberCounts {
  readonly joined: number;
  readonly invited: number;
  /** Joined and invited ones first, then those who left or were banned; within each, by when that last changed. */
  readonly first: readonly { readonly userId: UserId; readonly isPresent: boolean }[];
}

/** Counts the members of a room and names the first `most` of them. */
export async function countMembers(db: Db, roomNid: number, most: number): Promise<MemberCounts> {
  const counts = await sql<{ joined: number; invited: number }>`
    select count(*) filter (where membership = 'join') as joined,
      count(*) filter (where membership = 'invite') as invited
    from memberships where room_nid = ${roomNid}`.execute(db);
  const first = await sql<{ user_id: UserId; is_present: boolean }>`
    select u.user_id, m.membership in ('join', 'invite') as is_present
    from memberships m join users u on u.user_nid = m.user_nid
    where m.room_nid = ${roomNid} and m.membership <> 'knock'
    order by is_present desc, m.position, m.user_nid limit ${most}`.execute(db);
  return {
    joined: counts.rows[0]?.joined ?? 0,
    invited: counts.rows[0]?.invited ?? 0,
    first: first.rows.map((row) => ({ userId: row.user_id, isPresent: row.is_present })),
  };
}
