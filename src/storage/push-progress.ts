import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import { IGNORED_USER_LIST } from './ignored-users.ts';
import type { Db, Tx } from './database.ts';
import { listEventsWhere, type StoredEvent } from './events.ts';
import type { ReadMark } from './read-marks.ts';

export interface PushProgressTable {
  readonly one: boolean;
  readonly position: number;
}

export interface PushProgressTables {
  push_progress: PushProgressTable;
}

/** A user of this server whose push rules apply to what happens in a room. */
export interface PushMember {
  readonly roomNid: number;
  readonly userNid: number;
  readonly userId: UserId;
  /** Where their membership, or the event that holds it, last changed. */
  readonly position: number;
}

/** The newest position, and whether there is anything to apply push rules to between there and where that was done. */
export async function findPushProgress(
  db: Db,
): Promise<{ readonly newest: number; readonly hasWork: boolean }> {
  const { rows } = await sql<{ newest: number; has_work: boolean }>`
    select s.position as newest,
      exists (select from events e where e.position > p.position and e.position <= s.position)
      or exists (select from receipts r where r.position > p.position and r.position <= s.position) as has_work
    from push_progress p cross join stream s`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('the row of push_progress is missing');
  return { newest: row.newest, hasWork: row.has_work };
}

/**
 * Waits until nobody else applies push rules: up to where they were applied then. Held until the transaction ends, which
 * need not wait for the disk: what a crash takes with it is done again.
 */
export async function lockPushProgress(tx: Tx): Promise<number> {
  const { rows } = await sql<PushProgressTable>`
    select position, set_config('synchronous_commit', 'off', true) from push_progress for update`.execute(tx);
  if (rows[0] === undefined) throw new Error('the row of push_progress is missing');
  return rows[0].position;
}

/** Says up to where push rules are applied now; {@link lockPushProgress} comes first. */
export async function setPushProgress(tx: Tx, position: number): Promise<void> {
  await sql`update push_progress set position = ${position}`.execute(tx);
}

/** Timeline events in `(after, upTo]`, oldest first, at most `limit`. */
export function listEventsToPush(db: Db, after: number, upTo: number, limit: number): Promise<StoredEvent[]> {
  return listEventsWhere(
    db,
    sql`e.position > ${after} and e.position <= ${upTo} order by e.position limit ${limit}`,
  );
}

/** What the receipts in `(after, upTo]` of users of this server say. */
export async function listReadMarks(db: Db, after: number, upTo: number): Promise<ReadMark[]> {
  const { rows } = await sql<{ user_nid: number; room_nid: number; thread_id: string; up_to: number }>`
    select r.user_nid, r.room_nid, r.thread_id, max(r.event_position) as up_to
    from receipts r join accounts a on a.user_nid = r.user_nid
    where r.position > ${after} and r.position <= ${upTo}
    group by r.user_nid, r.room_nid, r.thread_id`.execute(db);
  return rows.map((row) => ({
    userNid: row.user_nid,
    roomNid: row.room_nid,
    threadId: row.thread_id === '' ? undefined : row.thread_id,
    upTo: row.up_to,
  }));
}

interface PushMemberRow {
  readonly room_nid: number;
  readonly user_nid: number;
  readonly user_id: UserId;
  readonly position: number;
}

/** The users of this server who are in some rooms now; accounts that have ended are left out. */
export async function listPushMembers(db: Db, roomNids: readonly number[]): Promise<PushMember[]> {
  const { rows } = await sql<PushMemberRow>`
    select m.room_nid, m.user_nid, u.user_id, m.position
    from memberships m
    join accounts a on a.user_nid = m.user_nid and a.deactivated_ts is null
    join users u on u.user_nid = m.user_nid
    where m.room_nid = any(${roomNids}::bigint[]) and m.membership = 'join' and m.is_local`.execute(db);
  return rows.map((row) => ({
    roomNid: row.room_nid,
    userNid: row.user_nid,
    userId: row.user_id,
    position: row.position,
  }));
}

/** Those of the users who have an account here. */
export async function listAccountsAmong(db: Db, userIds: readonly UserId[]): Promise<Map<UserId, number>> {
  if (userIds.length === 0) return new Map();
  const { rows } = await sql<{ user_id: UserId; user_nid: number }>`
    select u.user_id, u.user_nid from users u
    join accounts a on a.user_nid = u.user_nid and a.deactivated_ts is null
    where u.user_id = any(${userIds}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.user_id, row.user_nid]));
}

/** How many are in each of some rooms. */
export async function countJoined(db: Db, roomNids: readonly number[]): Promise<Map<number, number>> {
  const { rows } = await sql<{ room_nid: number; joined: number }>`
    select room_nid, count(*) as joined from memberships
    where room_nid = any(${roomNids}::bigint[]) and membership = 'join' group by room_nid`.execute(db);
  return new Map(rows.map((row) => [row.room_nid, row.joined]));
}

/** The events that hold some slots in the current states of several rooms, in no order. */
export function listCurrentStateOfRooms(
  db: Db,
  roomNids: readonly number[],
  stateKeyNids: readonly number[],
): Promise<StoredEvent[]> {
  return listEventsWhere(
    db,
    sql`e.event_nid = any(array(
      select event_nid from current_state
      where room_nid = any(${roomNids}::bigint[]) and state_key_nid = any(${stateKeyNids}::bigint[])))`,
  );
}

/** The lists of ignored users that some users keep, as JSON text; who keeps none is left out. */
export async function listIgnoreLists(db: Db, userNids: readonly number[]): Promise<Map<number, string>> {
  const { rows } = await sql<{ user_nid: number; content: string }>`
    select user_nid, content from account_data
    where user_nid = any(${userNids}::bigint[]) and room_nid = 0 and type = ${IGNORED_USER_LIST}
      and not is_deleted`.execute(db);
  return new Map(rows.map((row) => [row.user_nid, row.content]));
}
