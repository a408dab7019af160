import { sql } from 'kysely';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { isJsonArray, type JsonValue } from '../util/json.ts';
import type { Db, Tx } from './database.ts';
import { makePushersDue } from './pushers.ts';
import { bucketOf, isForUser, isUnread, marksOf, USERS_PER_BUCKET } from './read-marks.ts';
import { readTogether } from './together.ts';

export interface NotificationTable {
  readonly user_bucket: number;
  readonly position: number;
  readonly outcome: number;
  readonly room_nid: number;
  readonly event_nid: number;
  readonly thread_id: string;
  readonly is_highlight: boolean;
  /** JSON text. */
  readonly actions: string;
  /** A bit for each user of the bucket. */
  readonly users: number;
  readonly created_ts: number;
}

export interface NotificationTables {
  notifications: NotificationTable;
}

/** The thread id of events that are in no thread. */
export const MAIN_THREAD = 'main';

/** That a user is notified of an event. */
export interface Notification {
  readonly userNid: number;
  /** That of the event. */
  readonly position: number;
  readonly roomNid: number;
  readonly eventNid: number;
  /** The root of the event's thread, or `main`. */
  readonly threadId: EventId | typeof MAIN_THREAD;
  readonly isHighlight: boolean;
  readonly actions: readonly JsonValue[];
  /** Milliseconds since the epoch. */
  readonly createdTs: number;
}

/** One that is listed for its user. */
export interface ListedNotification extends Pick<
  Notification,
  'position' | 'eventNid' | 'actions' | 'createdTs'
> {
  readonly roomId: RoomId;
  readonly isRead: boolean;
}

/** How many unread notifications a thread of a room has for a user. */
export interface UnreadCount {
  readonly roomNid: number;
  /** The root of the thread, or `main`. */
  readonly threadId: string;
  readonly notifications: number;
  readonly highlights: number;
}

/**
 * Stores notifications, one row for all users of a bucket with the same actions. Those that are there stay as they are. The
 * pushers of their users are due; true when there are any.
 */
export async function insertNotifications(
  tx: Tx,
  notifications: readonly Notification[],
  nowTs: number,
): Promise<boolean> {
  if (notifications.length === 0) return false;
  const rows = shareRows(notifications);
  const column = <T>(of: (row: NotificationTable) => T): T[] => rows.map(of);
  const users = [...new Set(notifications.map((one) => one.userNid))];
  const stored = await sql<{ is_due: boolean }>`
    with due as (${makePushersDue(sql`select unnest(${users}::bigint[]) as user_nid`, nowTs)}), stored as (
    insert into notifications
      (user_bucket, position, outcome, room_nid, event_nid, thread_id, is_highlight, actions, users, created_ts)
    select * from unnest(
      ${column((row) => row.user_bucket)}::bigint[], ${column((row) => row.position)}::bigint[],
      ${column((row) => row.outcome)}::smallint[], ${column((row) => row.room_nid)}::bigint[],
      ${column((row) => row.event_nid)}::bigint[], ${column((row) => row.thread_id)}::text[],
      ${column((row) => row.is_highlight)}::boolean[], ${column((row) => row.actions)}::text[],
      ${column((row) => row.users)}::bigint[], ${column((row) => row.created_ts)}::bigint[])
    on conflict do nothing)
    select exists (select from due) as is_due`.execute(tx);
  return stored.rows[0]?.is_due === true;
}

/** The rows of some notifications; nobody is to be notified of the same event twice. */
function shareRows(notifications: readonly Notification[]): readonly NotificationTable[] {
  const texts = new Map<Notification['actions'], string>();
  const textOf = (actions: Notification['actions']): string => {
    const text = texts.get(actions) ?? JSON.stringify(actions);
    texts.set(actions, text);
    return text;
  };
  const rows = new Map<string, Map<string, NotificationTable>>();
  for (const one of notifications) {
    const bucket = Math.floor(one.userNid / USERS_PER_BUCKET);
    const place = `${bucket} ${one.position}`;
    const outcomes = rows.get(place) ?? new Map<string, NotificationTable>();
    rows.set(place, outcomes);
    const actions = textOf(one.actions);
    const outcome = `${one.isHighlight} ${actions}`;
    const others = outcomes.get(outcome);
    outcomes.set(outcome, {
      user_bucket: bucket,
      position: one.position,
      outcome: others?.outcome ?? outcomes.size,
      room_nid: one.roomNid,
      event_nid: one.eventNid,
      thread_id: one.threadId,
      is_highlight: one.isHighlight,
      actions,
      users: (others?.users ?? 0) + 2 ** (one.userNid % USERS_PER_BUCKET),
      created_ts: one.createdTs,
    });
  }
  return [...rows.values()].flatMap((outcomes) => [...outcomes.values()]);
}

/** The unread notifications of a user in some rooms, thread by thread; what has none is left out. */
export function countUnread(
  db: Db,
  userNid: number,
  roomNids: readonly number[],
  upTo: number,
): Promise<readonly UnreadCount[]> {
  return roomNids.length === 0 ? Promise.resolve([]) : readUnread(db, { userNid, roomNids, upTo });
}

interface UnreadCall {
  readonly userNid: number;
  readonly roomNids: readonly number[];
  readonly upTo: number;
}

const readUnread = readTogether(async (db, calls: readonly UnreadCall[]) => {
  const wanted = calls.flatMap(({ userNid, roomNids, upTo }, index) =>
    roomNids.map((roomNid) => ({ index, roomNid, userNid, upTo })),
  );
  const { rows } = await sql<{
    index: number;
    room_nid: number;
    thread_id: string;
    all: number;
    highlights: number;
  }>`
    select w.index, w.room_nid, n.thread_id, n.all, n.highlights
    from unnest(
      ${wanted.map((one) => one.index)}::int[], ${wanted.map((one) => one.userNid)}::bigint[],
      ${wanted.map((one) => one.roomNid)}::bigint[], ${wanted.map((one) => one.upTo)}::bigint[]
    ) as w (index, user_nid, room_nid, up_to)
    cross join lateral (${marksOf(sql`w.user_nid`, sql`w.room_nid`)}) as mark
    cross join lateral (
      select thread_id, count(*) as all, count(*) filter (where is_highlight) as highlights from notifications n
      where room_nid = w.room_nid and user_bucket = ${bucketOf(sql`w.user_nid`)} and position <= w.up_to
        and ${isForUser(sql`w.user_nid`)} and ${isUnread}
      group by thread_id
    ) as n`.execute(db);
  const counts = calls.map((): UnreadCount[] => []);
  for (const row of rows) {
    counts[row.index]?.push({
      roomNid: row.room_nid,
      threadId: row.thread_id,
      notifications: row.all,
      highlights: row.highlights,
    });
  }
  return counts;
});

/** Those of the rooms in which a user was notified of something in `(after, upTo]`, or read something in that range. */
export async function listRoomsWithCountChanges(
  db: Db,
  userNid: number,
  roomNids: readonly number[],
  after: number,
  upTo: number,
): Promise<number[]> {
  if (roomNids.length === 0) return [];
  const user = sql`${userNid}::bigint`;
  const { rows } = await sql<{ room_nid: number }>`
    select room_nid from unnest(${roomNids}::bigint[]) as r (room_nid)
    where (
      select true from notifications n
      where n.room_nid = r.room_nid and n.user_bucket = ${bucketOf(user)}
        and n.position > ${after} and n.position <= ${upTo} and ${isForUser(user)}
      order by n.room_nid, n.user_bucket, n.position limit 1)
      or (
      select true from receipts c
      where c.user_nid = ${userNid} and c.room_nid = r.room_nid and c.position > ${after} and c.position <= ${upTo}
      limit 1)`.execute(db);
  return rows.map((row) => row.room_nid);
}

/** A user's notifications, newest first: those before a position, at most `limit`. */
export async function listNotifications(
  db: Db,
  userNid: number,
  page: { readonly before: number | undefined; readonly limit: number; readonly highlightsOnly: boolean },
): Promise<ListedNotification[]> {
  const user = sql`${userNid}::bigint`;
  const { rows } = await sql<NotificationTable & { room_id: RoomId; is_unread: boolean }>`
    select n.*, r.room_id, ${isUnread} as is_unread
    from (
      select * from notifications n
      where n.user_bucket = ${bucketOf(user)} and ${isForUser(user)}
        and n.position < ${page.before ?? Number.MAX_SAFE_INTEGER} and (n.is_highlight or not ${page.highlightsOnly})
      order by n.position desc limit ${page.limit}
    ) as n
    join rooms r on r.room_nid = n.room_nid
    cross join lateral (${marksOf(user, sql`n.room_nid`)}) as mark
    order by n.position desc`.execute(db);
  return rows.map((row) => ({
    position: row.position,
    eventNid: row.event_nid,
    roomId: row.room_id,
    actions: readActions(row.actions),
    createdTs: row.created_ts,
    isRead: !row.is_unread,
  }));
}

/** What a pusher is to tell. */
export interface PushWork {
  /** The oldest unread notification after a position. */
  readonly next: Pick<ListedNotification, 'position' | 'eventNid' | 'actions'> | undefined;
  /** How many unread notifications the user has in the rooms that they are in. */
  readonly unread: number;
  /** Push rules were applied up to here; without a next one there is nothing to tell up to here. */
  readonly upTo: number;
}

/** What is to be pushed to a user after a position, and their unread notifications at that very moment. */
export async function findPushWork(db: Db, userNid: number, after: number): Promise<PushWork> {
  const user = sql`${userNid}::bigint`;
  const { rows } = await sql<PushWorkRow>`
    select p.position as up_to, counted.unread, n.position, n.event_nid, n.actions
    from push_progress p
    cross join (
      select coalesce(sum(own.unread), 0)::bigint as unread
      from memberships m
      cross join lateral (${marksOf(user, sql`m.room_nid`)}) as mark
      cross join lateral (
        select count(*) as unread from notifications n
        where n.room_nid = m.room_nid and n.user_bucket = ${bucketOf(user)} and ${isForUser(user)} and ${isUnread}
      ) as own
      where m.user_nid = ${userNid} and m.membership = 'join'
    ) as counted
    left join lateral (
      select n.position, n.event_nid, n.actions from notifications n
      cross join lateral (${marksOf(user, sql`n.room_nid`)}) as mark
      where n.user_bucket = ${bucketOf(user)} and n.position > ${after} and ${isForUser(user)} and ${isUnread}
      order by n.user_bucket, n.position limit 1
    ) as n on true`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('the row of push_progress is missing');
  const { up_to: upTo, unread } = row;
  if (row.position === null || row.event_nid === null || row.actions === null)
    return { next: undefined, unread, upTo };
  const next = { position: row.position, eventNid: row.event_nid, actions: readActions(row.actions) };
  return { next, unread, upTo };
}

interface PushWorkRow {
  readonly up_to: number;
  readonly unread: number;
  readonly position: number | null;
  readonly event_nid: number | null;
  readonly actions: string | null;
}

function readActions(text: string): readonly JsonValue[] {
  const actions: unknown = JSON.parse(text);
  return isJsonArray(actions) ? actions : [];
}
