import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import { groupBy } from '../util/group-by.ts';
import { IGNORED_USER_LIST } from './ignored-users.ts';
import type { Db, Tx } from './database.ts';
import { listEventsWhere, type StoredEvent } from './events.ts';
import type { ReadMark } from './read-marks.ts';

export interface PushProgressTable {
  readonly one: boolean;
  readonly position: number;
}

/** The account data by which clients learn of a change of push rules: it has the position of the change. */
const PUSH_RULES = 'm.push_rules';

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
  /** When the user last changed their push rules, and their list of ignored users: 0 for never. */
  readonly rulesPosition: number;
  readonly ignoresPosition: number;
}

/** A room in which something happened. */
export interface PushRoom {
  readonly roomNid: number;
  /** How many are in it. */
  readonly memberCount: number;
  /** The users of this server who are in it now; accounts that have ended are left out. */
  readonly members: readonly PushMember[];
}

/** What push rules are to be applied to, and whose. */
export interface PushBacklog {
  /** Up to where this goes. */
  readonly reached: number;
  /** Timeline events, oldest first. */
  readonly events: readonly StoredEvent[];
  /** What the receipts of users of this server say. */
  readonly receipts: readonly (ReadMark & { readonly position: number })[];
  readonly rooms: readonly PushRoom[];
}

/** Rules may take longer than a transaction may usually be idle: for one event of a large room, at the worst. */
const LONGEST_APPLYING_MS = 5 * 60_000;

/** Where rules were applied up to, for statements behind the one that locks that row. */
const APPLIED_UP_TO = sql`(select position from push_progress)`;

/**
 * Waits until nobody else applies push rules, and reads what there is to apply them to up to a position, `mostEvents` events
 * at most; undefined when there is nothing, or nothing any more. The lock is held until the transaction ends, which need not
 * wait for the disk: what a crash takes with it is done again. Sends everything before it waits.
 */
export async function takePushBacklog(
  tx: Tx,
  upTo: number,
  mostEvents: number,
): Promise<PushBacklog | undefined> {
  const [isTaken, events, receipts, rooms] = await Promise.all([
    lockPushProgress(tx, upTo),
    listEventsWhere(
      tx,
      sql`e.position > ${APPLIED_UP_TO} and e.position <= ${upTo} order by e.position limit ${mostEvents}`,
    ),
    listReadMarks(tx, upTo),
    listPushRooms(tx, upTo, mostEvents),
  ]);
  if (!isTaken) return undefined;
  const reached = events.length < mostEvents ? upTo : (events.at(-1)?.position ?? upTo);
  return { reached, events, receipts: receipts.filter(({ position }) => position <= reached), rooms };
}

async function lockPushProgress(tx: Tx, upTo: number): Promise<boolean> {
  const { rows } = await sql`
    select set_config('synchronous_commit', 'off', true),
      set_config('idle_in_transaction_session_timeout', ${LONGEST_APPLYING_MS}::text, true)
    from push_progress p
    where exists (select from events e where e.position > p.position and e.position <= ${upTo})
      or exists (select from receipts r where r.position > p.position and r.position <= ${upTo})
    for update`.execute(tx);
  return rows.length > 0;
}

/** Says up to where push rules are applied now; {@link takePushBacklog} comes first. */
export async function setPushProgress(tx: Tx, position: number): Promise<void> {
  await sql`update push_progress set position = ${position}`.execute(tx);
}

async function listReadMarks(tx: Tx, upTo: number): Promise<(ReadMark & { readonly position: number })[]> {
  const { rows } = await sql<{
    user_nid: number;
    room_nid: number;
    thread_id: string;
    event_position: number;
    position: number;
  }>`
    select r.user_nid, r.room_nid, r.thread_id, r.event_position, r.position
    from receipts r join accounts a on a.user_nid = r.user_nid
    where r.position > ${APPLIED_UP_TO} and r.position <= ${upTo}`.execute(tx);
  return rows.map((row) => ({
    userNid: row.user_nid,
    roomNid: row.room_nid,
    threadId: row.thread_id === '' ? undefined : row.thread_id,
    upTo: row.event_position,
    position: row.position,
  }));
}

interface PushRoomRow {
  readonly room_nid: number;
  readonly joined: number;
  readonly user_nid: number | null;
  readonly user_id: UserId | null;
  readonly position: number | null;
  readonly rules_position: number | null;
  readonly ignores_position: number | null;
}

/** Each part is limited so that it is done in this order: a plan that is made while tables are empty could begin at their other end. */
async function listPushRooms(tx: Tx, upTo: number, mostEvents: number): Promise<PushRoom[]> {
  const { rows } = await sql<PushRoomRow>`
    with r as materialized (
      select e.room_nid,
        (select count(*) from memberships m where m.room_nid = e.room_nid and m.membership = 'join') as joined
      from (
        select distinct room_nid from (
          select e.room_nid from events e where e.position > ${APPLIED_UP_TO} and e.position <= ${upTo}
          order by e.position limit ${mostEvents}
        ) as e
      ) as e
    )
    select r.room_nid, r.joined, own.* from r
    left join lateral (
      select m.user_nid, u.user_id, m.position, d.rules_position, d.ignores_position
      from (
        select user_nid, position from memberships
        where room_nid = r.room_nid and membership = 'join' and is_local
        offset 0
      ) as m
      cross join lateral (
        select from accounts where user_nid = m.user_nid and deactivated_ts is null limit 1
      ) as a
      cross join lateral (select user_id from users where user_nid = m.user_nid limit 1) as u
      cross join lateral (
        select max(position) filter (where type = ${PUSH_RULES}) as rules_position,
          max(position) filter (where type = ${IGNORED_USER_LIST}) as ignores_position
        from account_data
        where user_nid = m.user_nid and room_nid = 0 and type in (${PUSH_RULES}, ${IGNORED_USER_LIST})
      ) as d
    ) as own on true`.execute(tx);
  return [...groupBy(rows, (row) => row.room_nid)].map(([roomNid, own]) => ({
    roomNid,
    memberCount: own[0]?.joined ?? 0,
    members: own.flatMap((row): PushMember[] => {
      const { user_nid: userNid, user_id: userId, position } = row;
      if (userNid === null || userId === null || position === null) return [];
      const [rulesPosition, ignoresPosition] = [row.rules_position ?? 0, row.ignores_position ?? 0];
      return [{ roomNid, userNid, userId, position, rulesPosition, ignoresPosition }];
    }),
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
