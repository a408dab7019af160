import { sql } from 'kysely';
import type { Db } from './database.ts';
import { readTogether } from './together.ts';
import type { Membership, MembershipTable } from './memberships.ts';

/** What a user is in some rooms; rooms where they never were anything are left out. */
export function listMembershipsIn(
  db: Db,
  roomNids: readonly number[],
  userNid: number,
): Promise<readonly MembershipIn[]> {
  return roomNids.length === 0 ? Promise.resolve([]) : readMemberships(db, { roomNids, userNid });
}

/** What a user is in a room, by their current member event there. */
export interface MembershipIn {
  readonly roomNid: number;
  readonly membership: Membership;
  readonly eventNid: number;
}

interface MembershipCall {
  readonly roomNids: readonly number[];
  readonly userNid: number;
}

const readMemberships = readTogether(async (db, calls: readonly MembershipCall[]) => {
  const wanted = calls.flatMap(({ roomNids, userNid }, call) =>
    roomNids.map((roomNid) => ({ call, roomNid, userNid })),
  );
  const { rows } = await sql<MembershipTable & { readonly call: number }>`
    select w.call, m.room_nid, m.membership, m.event_nid
    from unnest(
      ${wanted.map((pair) => pair.call)}::int[], ${wanted.map((pair) => pair.roomNid)}::bigint[],
      ${wanted.map((pair) => pair.userNid)}::bigint[]
    ) as w (call, room_nid, user_nid)
    join memberships m on m.room_nid = w.room_nid and m.user_nid = w.user_nid`.execute(db);
  const memberships = calls.map((): MembershipIn[] => []);
  for (const row of rows) {
    const { room_nid: roomNid, membership, event_nid: eventNid } = row;
    memberships[row.call]?.push({ roomNid, membership, eventNid });
  }
  return memberships;
});
