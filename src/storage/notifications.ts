import { sql } from 'kysely';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { isJsonArray, type JsonValue } from '../util/json.ts';
import type { Db, Tx } from './database.ts';
import { readTogether } from './together.ts';

export interface NotificationTable {
  readonly user_nid: number;
  readonly position: number;
  readonly room_nid: number;
  readonly event_nid: number;
  readonly thread_id: string;
  readonly is_highlight: boolean;
  readonly is_read: boolean;
  /** JSON text. */
  readonly actions: string;
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

/** Up to where somebody has read a room, or one thread of it. */
export interface ReadMark {
  readonly userNid: number;
  readonly roomNid: number;
  /** undefined for all threads. */
  readonly threadId: string | undefined;
  readonly upTo: number;
}

/** Stores notifications; those that are there already stay as they are. */
export async function insertNotifications(tx: Tx, notifications: readonly Notification[]): Promise<void> {
  if (notifications.length === 0) return;
  const column = <T>(of: (notification: Notification) => T): T[] => notifications.map(of);
  await sql`
    insert into notifications
      (user_nid, position, room_nid, event_nid, thread_id, is_highlight, is_read, actions, created_ts)
    select user_nid, position, room_nid, event_nid, thread_id, is_highlight, false, actions, created_ts
    from unnest(
      ${column((n) => n.userNid)}::bigint[], ${column((n) => n.position)}::bigint[],
      ${column((n) => n.roomNid)}::bigint[], ${column((n) => n.eventNid)}::bigint[],
      ${column((n) => n.threadId)}::text[], ${column((n) => n.isHighlight)}::boolean[],
      ${column((n) => JSON.stringify(n.actions))}::text[], ${column((n) => n.createdTs)}::bigint[]
    ) as n (user_nid, position, room_nid, event_nid, thread_id, is_highlight, actions, created_ts)
    on conflict do nothing`.execute(tx);
}

/** Marks as read what the marks cover, and names the users for whom that changed something. */
export async function markNotificationsRead(tx: Tx, marks: readonly ReadMark[]): Promise<number[]> {
  if (marks.length === 0) return [];
  const { rows } = await sql<{ user_nid: number }>`
    update notifications n set is_read = true
    from unnest(
      ${marks.map((mark) => mark.userNid)}::bigint[], ${marks.map((mark) => mark.roomNid)}::bigint[],
      ${marks.map((mark) => mark.threadId ?? null)}::text[], ${marks.map((mark) => mark.upTo)}::bigint[]
    ) as mark (user_nid, room_nid, thread_id, up_to)
    where n.user_nid = mark.user_nid and n.room_nid = mark.room_nid and n.position <= mark.up_to
      and (mark.thread_id is null or n.thread_id = mark.thread_id) and not n.is_read
    returning n.user_nid`.execute(tx);
  return [...new Set(rows.map((row) => row.user_nid))];
}

/** Takes back the notifications of events that were redacted, and names the users who had an unread one. */
export async function deleteNotificationsOf(
  tx: Tx,
  events: readonly { readonly roomNid: number; readonly position: number }[],
): Promise<number[]> {
  if (events.length === 0) return [];
  const { rows } = await sql<{ user_nid: number; is_read: boolean }>`
    delete from notifications n
    using unnest(${events.map((event) => event.roomNid)}::bigint[], ${events.map((event) => event.position)}::bigint[])
      as gone (room_nid, position)
    join memberships m on m.room_nid = gone.room_nid and m.is_local
    where n.user_nid = m.user_nid and n.position = gone.position
    returning n.user_nid, n.is_read`.execute(tx);
  return [...new Set(rows.filter((row) => !row.is_read).map((row) => row.user_nid))];
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
  const wanted = calls.flatMap((call, index) =>
    call.roomNids.map((roomNid) => ({ ...call, index, roomNid })),
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
    cross join lateral (
      select thread_id, count(*) as all, count(*) filter (where is_highlight) as highlights from notifications
      where user_nid = w.user_nid and room_nid = w.room_nid and not is_read and position <= w.up_to
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
  const { rows } = await sql<{ room_nid: number }>`
    select room_nid from (
      select room_nid from notifications
      where user_nid = ${userNid} and position > ${after} and position <= ${upTo}
      union
      select room_nid from receipts
      where user_nid = ${userNid} and position > ${after} and position <= ${upTo}
    ) as changed
    where room_nid = any(${roomNids}::bigint[])`.execute(db);
  return rows.map((row) => row.room_nid);
}

/** A user's notifications, newest first: those before a position, at most `limit`. */
export async function listNotifications(
  db: Db,
  userNid: number,
  page: { readonly before: number | undefined; readonly limit: number; readonly highlightsOnly: boolean },
): Promise<ListedNotification[]> {
  const { rows } = await sql<NotificationTable & { room_id: RoomId }>`
    select n.*, r.room_id from notifications n join rooms r on r.room_nid = n.room_nid
    where n.user_nid = ${userNid} and (${page.before ?? null}::bigint is null or n.position < ${page.before ?? null})
      and (n.is_highlight or not ${page.highlightsOnly})
    order by n.position desc limit ${page.limit}`.execute(db);
  return rows.map((row) => ({
    position: row.position,
    eventNid: row.event_nid,
    roomId: row.room_id,
    actions: readActions(row.actions),
    createdTs: row.created_ts,
    isRead: row.is_read,
  }));
}

/** What a pusher is to tell. */
export interface PushWork {
  /** The oldest unread notification after a position. */
  readonly next: Pick<ListedNotification, 'position' | 'eventNid' | 'actions'> | undefined;
  /** How many unread notifications the user has in the rooms that they are in. */
  readonly unread: number;
}

/** What is to be pushed to a user after a position, and their unread notifications at that very moment. */
export async function findPushWork(db: Db, userNid: number, after: number): Promise<PushWork> {
  const { rows } = await sql<PushWorkRow>`
    select counted.unread, n.position, n.event_nid, n.actions
    from (
      select count(*) as unread from notifications n
      join memberships m on m.room_nid = n.room_nid and m.user_nid = n.user_nid and m.membership = 'join'
      where n.user_nid = ${userNid} and not n.is_read
    ) as counted
    left join lateral (
      select position, event_nid, actions from notifications
      where user_nid = ${userNid} and position > ${after} and not is_read order by position limit 1
    ) as n on true`.execute(db);
  const [row] = rows;
  if (row === undefined || row.position === null || row.event_nid === null || row.actions === null)
    return { next: undefined, unread: row?.unread ?? 0 };
  const next = { position: row.position, eventNid: row.event_nid, actions: readActions(row.actions) };
  return { next, unread: row.unread };
}

interface PushWorkRow {
  readonly unread: number;
  readonly position: number | null;
  readonly event_nid: number | null;
  readonly actions: string | null;
}

/** Forgets notifications that nobody will look up any more: read ones sooner than unread ones. */
export async function deleteOldNotifications(
  db: Db,
  before: { readonly readTs: number; readonly unreadTs: number },
): Promise<void> {
  await sql`
    delete from notifications
    where created_ts < ${before.readTs} and (is_read or created_ts < ${before.unreadTs})`.execute(db);
}

/** Removes all notifications of a user whose account ends. */
export async function deleteNotificationsOfUser(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from notifications where user_nid = ${userNid}`.execute(tx);
}

function readActions(text: string): readonly JsonValue[] {
  const actions: unknown = JSON.parse(text);
  return isJsonArray(actions) ? actions : [];
}
