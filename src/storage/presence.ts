import { sql } from 'kysely';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

export type PresenceState = 'online' | 'unavailable' | 'offline';

export interface PresenceTable {
  readonly user_nid: number;
  readonly state: PresenceState;
  readonly status_msg: string | null;
  readonly last_active_ts: number;
  readonly online_device_id: DeviceId | null;
  readonly online_until_ts: number;
  readonly present_until_ts: number;
  readonly due_ts: number | null;
  readonly position: number;
}

export interface PresenceTables {
  presence: PresenceTable;
}

/** What is known of whether a user is there. All times are milliseconds since the epoch. */
export interface Presence {
  /** What others were last told. */
  readonly state: PresenceState;
  readonly statusMsg: string | undefined;
  /** When the user last did something themselves. */
  readonly lastActiveTs: number;
  /** The device that last said that its user is online. */
  readonly onlineDeviceId: DeviceId | undefined;
  /** Until when a client counts as there that calls its user online. */
  readonly onlineUntilTs: number;
  /** Until when any client counts as there. */
  readonly presentUntilTs: number;
}

/** A user's presence with their name. */
export interface OwnedPresence extends Presence {
  readonly userNid: number;
  readonly userId: UserId;
}

/** A user's presence; undefined when they were never there. */
export async function findPresence(db: Db, userNid: number): Promise<Presence | undefined> {
  const { rows } = await sql<PresenceTable>`select * from presence where user_nid = ${userNid}`.execute(db);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

/**
 * Writes a presence whose state and message are those of `before`, so that nobody else has to learn of it; false when
 * somebody else has changed it since.
 */
export async function refreshPresence(
  db: Db,
  userNid: number,
  before: Presence,
  after: Presence,
  dueTs: number | undefined,
): Promise<boolean> {
  const { rows } = await sql`
    update presence
    set last_active_ts = ${after.lastActiveTs}, online_device_id = ${after.onlineDeviceId ?? null},
      online_until_ts = ${after.onlineUntilTs}, present_until_ts = ${after.presentUntilTs},
      due_ts = ${dueTs ?? null}
    where user_nid = ${userNid} and state = ${before.state} and last_active_ts = ${before.lastActiveTs}
      and online_until_ts = ${before.onlineUntilTs} and present_until_ts = ${before.presentUntilTs}
    returning 1`.execute(db);
  return rows.length > 0;
}

/** Writes a user's presence at a position. */
export async function putPresence(
  tx: Tx,
  userNid: number,
  presence: Presence,
  dueTs: number | undefined,
  position: number,
): Promise<void> {
  await sql`
    insert into presence
      (user_nid, state, status_msg, last_active_ts, online_device_id, online_until_ts, present_until_ts, due_ts,
        position)
    values (${userNid}, ${presence.state}, ${presence.statusMsg ?? null}, ${presence.lastActiveTs},
      ${presence.onlineDeviceId ?? null}, ${presence.onlineUntilTs}, ${presence.presentUntilTs}, ${dueTs ?? null},
      ${position})
    on conflict (user_nid) do update
    set state = excluded.state, status_msg = excluded.status_msg, last_active_ts = excluded.last_active_ts,
      online_device_id = excluded.online_device_id, online_until_ts = excluded.online_until_ts,
      present_until_ts = excluded.present_until_ts, due_ts = excluded.due_ts, position = excluded.position`.execute(
    tx,
  );
}

/** Has others look at a user's presence again: what it is shown with has changed. */
export async function touchPresence(tx: Tx, userNid: number, position: number): Promise<boolean> {
  const { rows } = await sql`
    update presence set position = ${position} where user_nid = ${userNid} returning 1`.execute(tx);
  return rows.length > 0;
}

/** Removes a user's presence: the account ends. */
export async function deletePresence(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from presence where user_nid = ${userNid}`.execute(tx);
}

/** Those whose state may have to change by now, at most `limit`. */
export async function listDuePresence(db: Db, nowMs: number, limit: number): Promise<number[]> {
  const { rows } = await sql<PresenceTable>`
    select user_nid from presence where due_ts <= ${nowMs} order by due_ts limit ${limit}`.execute(db);
  return rows.map((row) => row.user_nid);
}

/** Several users' presence, which nobody else changes until the transaction ends. */
export async function lockPresence(tx: Tx, userNids: readonly number[]): Promise<OwnedPresence[]> {
  const { rows } = await sql<OwnedPresenceRow>`
    select p.*, u.user_id from presence p join users u on u.user_nid = p.user_nid
    where p.user_nid = any(${userNids}::bigint[])
    order by p.user_nid for update of p`.execute(tx);
  return rows.map(readOwnedRow);
}

/** When the next state changes of itself. */
export async function findNextPresenceDue(db: Db): Promise<number | undefined> {
  const { rows } = await sql<{ next: number | null }>`select min(due_ts) as next from presence`.execute(db);
  return rows[0]?.next ?? undefined;
}

/** Whether both users are in some room, or are the same. */
export async function sharesRoom(db: Db, oneNid: number, otherNid: number): Promise<boolean> {
  if (oneNid === otherNid) return true;
  const { rows } = await sql`
    select from memberships a join memberships b on b.room_nid = a.room_nid
    where a.user_nid = ${oneNid} and a.membership = 'join' and b.user_nid = ${otherNid} and b.membership = 'join'
    limit 1`.execute(db);
  return rows.length > 0;
}

/** The rooms in which some users are. */
export async function listRoomNidsOf(db: Db, userNids: readonly number[]): Promise<number[]> {
  const { rows } = await sql<{ room_nid: number }>`
    select distinct room_nid from memberships
    where user_nid = any(${userNids}::bigint[]) and membership = 'join'`.execute(db);
  return rows.map((row) => row.room_nid);
}

/** What a viewer is to learn of the presence of others. */
export interface PresenceQuery {
  readonly viewerNid: number;
  /** Rooms that are new to the viewer: everyone in them is as well. */
  readonly newRoomNids: readonly number[];
  /** undefined: everything is new to the viewer, so that all their rooms are new ones. */
  readonly after: number | undefined;
  readonly upTo: number;
  readonly limit: number;
}

/**
 * The presence of the viewer and of those who are in a room with them, where it changed in `(after, upTo]` or the
 * sharing began then; what changed last first. Starts from what changed, so that it costs no more than that.
 */
export async function listPresenceChanges(db: Db, query: PresenceQuery): Promise<OwnedPresence[]> {
  const { viewerNid, newRoomNids, upTo, limit } = query;
  const after = query.after ?? upTo;
  const { rows } = await sql<OwnedPresenceRow>`
    with changed as materialized (
      select user_nid from presence where position > ${after} and position <= ${upTo}
    ), shared as (
      select m.user_nid, m.room_nid
      from changed join memberships m on m.user_nid = changed.user_nid and m.membership = 'join'
      union all
      select user_nid, room_nid from memberships
      where is_local and position > ${after} and position <= ${upTo} and membership = 'join'
    ), seen as (
      select shared.user_nid from shared
      join memberships mine on mine.room_nid = shared.room_nid and mine.user_nid = ${viewerNid}
        and mine.membership = 'join'
      union
      select user_nid from memberships where membership = 'join' and room_nid = any(${newRoomNids}::bigint[])
      union
      select user_nid from presence
      where user_nid = ${viewerNid} and (${query.after === undefined} or position > ${after})
    )
    select p.*, u.user_id
    from seen join presence p on p.user_nid = seen.user_nid join users u on u.user_nid = p.user_nid
    order by p.position desc, p.user_nid limit ${limit}`.execute(db);
  return rows.map(readOwnedRow);
}

/** The presence of members of some rooms, where it changed in `(after, upTo]`. */
export async function listPresenceIn(
  db: Db,
  roomNids: readonly number[],
  after: number,
  upTo: number,
): Promise<OwnedPresence[]> {
  const { rows } = await sql<OwnedPresenceRow>`
    select p.*, u.user_id from presence p join users u on u.user_nid = p.user_nid
    where p.position > ${after} and p.position <= ${upTo} and exists (
      select from memberships m
      where m.user_nid = p.user_nid and m.membership = 'join' and m.room_nid = any(${roomNids}::bigint[]))
    order by p.position, p.user_nid`.execute(db);
  return rows.map(readOwnedRow);
}

interface OwnedPresenceRow extends PresenceTable {
  readonly user_id: UserId;
}

function readRow(row: PresenceTable): Presence {
  return {
    state: row.state,
    statusMsg: row.status_msg ?? undefined,
    lastActiveTs: row.last_active_ts,
    onlineDeviceId: row.online_device_id ?? undefined,
    onlineUntilTs: row.online_until_ts,
    presentUntilTs: row.present_until_ts,
  };
}

function readOwnedRow(row: OwnedPresenceRow): OwnedPresence {
  return { userNid: row.user_nid, userId: row.user_id, ...readRow(row) };
}
