import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';
import { readTogether } from './together.ts';
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
export function listStateRootsAt(
  db: Db,
  roomNid: number,
  positions: readonly number[],
): Promise<ReadonlyMap<number, StateRoot>> {
  return readStateRoots(db, { roomNid, positions });
}

interface RootsCall {
  readonly roomNid: number;
  readonly positions: readonly number[];
}

const readStateRoots = readTogether(async (db, calls: readonly RootsCall[]) => {
  const wanted = calls.flatMap(({ roomNid, positions }, call) =>
    positions.map((at) => ({ call, roomNid, at })),
  );
  const { rows } = await sql<{ call: number; at: number; state_root: Buffer }>`
    select wanted.call, wanted.at, current.state_root
    from unnest(
      ${wanted.map((one) => one.call)}::int[], ${wanted.map((one) => one.roomNid)}::bigint[],
      ${wanted.map((one) => one.at)}::bigint[]
    ) as wanted (call, room_nid, at)
    cross join lateral (
      select state_root from room_states s where s.room_nid = wanted.room_nid and s.position <= wanted.at
      order by s.position desc limit 1
    ) as current`.execute(db);
  const roots = calls.map(() => new Map<number, StateRoot>());
  for (const row of rows) roots[row.call]?.set(row.at, stateRootOf(row.state_root));
  return roots;
});

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
export function countMembers(db: Db, roomNid: number, most: number): Promise<MemberCounts> {
  return readMemberCounts(db, { roomNid, most });
}

interface CountCall {
  readonly roomNid: number;
  readonly most: number;
}

const readMemberCounts = readTogether(async (db, calls: readonly CountCall[]) => {
  const { rows } = await sql<{
    call: number;
    joined: number;
    invited: number;
    user_ids: UserId[] | null;
    present: boolean[] | null;
  }>`
    select w.call, counts.joined, counts.invited, first.user_ids, first.present
    from unnest(${calls.map((call) => call.roomNid)}::bigint[], ${calls.map((call) => call.most)}::bigint[])
      with ordinality as w (room_nid, most, call)
    cross join lateral (
      select count(*) filter (where membership = 'join') as joined,
        count(*) filter (where membership = 'invite') as invited
      from memberships where room_nid = w.room_nid
    ) as counts
    cross join lateral (
      select array_agg(user_id) as user_ids, array_agg(is_present) as present
      from (
        select u.user_id, m.membership in ('join', 'invite') as is_present
        from memberships m join users u on u.user_nid = m.user_nid
        where m.room_nid = w.room_nid and m.membership <> 'knock'
        order by is_present desc, m.position, m.user_nid limit w.most
      ) as members
    ) as first
    order by w.call`.execute(db);
  return rows.map((row): MemberCounts => ({
    joined: row.joined,
    invited: row.invited,
    first: (row.user_ids ?? []).map((userId, index) => ({
      userId,
      isPresent: row.present?.[index] === true,
    })),
  }));
});
