import { sql } from 'kysely';
import type { EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

export type Membership = 'join' | 'invite' | 'leave' | 'ban' | 'knock';

export interface MembershipTable {
  readonly room_nid: number;
  readonly user_nid: number;
  readonly membership: Membership;
  readonly event_nid: number;
  readonly position: number;
  readonly is_local: boolean;
  readonly forgotten: boolean;
}

export interface MembershipTables {
  memberships: MembershipTable;
}

/** What a user is in a room. */
export interface RoomMembership {
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly roomVersion: string;
  readonly membership: Membership;
  readonly eventNid: number;
  readonly eventId: EventId;
  /** Where the membership, or the event that holds it, last changed. */
  readonly position: number;
  readonly forgotten: boolean;
}

interface RoomMembershipRow extends MembershipTable {
  readonly room_id: RoomId;
  readonly room_version: string;
  readonly event_id: EventId;
}

function readRow(row: RoomMembershipRow): RoomMembership {
  return {
    roomNid: row.room_nid,
    roomId: row.room_id,
    roomVersion: row.room_version,
    membership: row.membership,
    eventNid: row.event_nid,
    eventId: row.event_id,
    position: row.position,
    forgotten: row.forgotten,
  };
}

/** All rooms in which the user has or had a membership, forgotten ones too; the caller picks. */
export async function listRoomsOfUser(db: Db, userNid: number): Promise<RoomMembership[]> {
  const { rows } = await sql<RoomMembershipRow>`
    select m.*, r.room_id, r.room_version, e.event_id
    from memberships m join rooms r on r.room_nid = m.room_nid join events e on e.event_nid = m.event_nid
    where m.user_nid = ${userNid}
    order by m.room_nid`.execute(db);
  return rows.map(readRow);
}

/** The user's membership of one room; undefined when there never was one or the room is unknown. */
export async function findMembership(
  db: Db,
  roomId: RoomId,
  userNid: number,
): Promise<RoomMembership | undefined> {
  const { rows } = await sql<RoomMembershipRow>`
    select m.*, r.room_id, r.room_version, e.event_id
    from memberships m join rooms r on r.room_nid = m.room_nid join events e on e.event_nid = m.event_nid
    where r.room_id = ${roomId} and m.user_nid = ${userNid}`.execute(db);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

/** The members of a room with one of the given memberships. */
export async function listMembers(
  db: Db,
  roomNid: number,
  memberships: readonly Membership[],
): Promise<
  { userNid: number; userId: UserId; membership: Membership; isLocal: boolean; eventNid: number }[]
> {
  const { rows } = await sql<{
    user_nid: number;
    user_id: UserId;
    membership: Membership;
    is_local: boolean;
    event_nid: number;
  }>`
    select m.user_nid, u.user_id, m.membership, m.is_local, m.event_nid
    from memberships m join users u on u.user_nid = m.user_nid
    where m.room_nid = ${roomNid} and m.membership = any(${memberships}::text[])
    order by m.user_nid`.execute(db);
  return rows.map((row) => ({
    userNid: row.user_nid,
    userId: row.user_id,
    membership: row.membership,
    isLocal: row.is_local,
    eventNid: row.event_nid,
  }));
}

/** Local users whose membership changed after a position: whom other processes must wake. */
export async function listMembershipsChanged(
  db: Db,
  after: number,
): Promise<{ roomNid: number; userNid: number; membership: Membership; position: number }[]> {
  const { rows } = await sql<MembershipTable>`
    select room_nid, user_nid, membership, position from memberships
    where position > ${after} and is_local order by position`.execute(db);
  return rows.map((row) => ({
    roomNid: row.room_nid,
    userNid: row.user_nid,
    membership: row.membership,
    position: row.position,
  }));
}

/** The users whose account has ended and who are in a room still, are invited to one or knock at one. */
export async function listEndedMembers(db: Db): Promise<{ userNid: number; userId: UserId }[]> {
  const { rows } = await sql<{ user_nid: number; user_id: UserId }>`
    select u.user_nid, u.user_id from accounts a join users u on u.user_nid = a.user_nid
    where a.deactivated_ts is not null and exists (
      select from memberships m
      where m.user_nid = a.user_nid and m.membership in ('join', 'invite', 'knock'))
    order by u.user_nid`.execute(db);
  return rows.map((row) => ({ userNid: row.user_nid, userId: row.user_id }));
}

/** Marks a room as forgotten by a user who is not in it; false when the user is, or never was. */
export async function forgetRoom(db: Db, roomNid: number, userNid: number): Promise<boolean> {
  const { rows } = await sql<{ room_nid: number }>`
    update memberships set forgotten = true
    where room_nid = ${roomNid} and user_nid = ${userNid} and membership in ('leave', 'ban')
    returning room_nid`.execute(db);
  return rows.length > 0;
}
