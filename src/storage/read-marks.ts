import { sql, type RawBuilder } from 'kysely';
import type { Tx } from './database.ts';
import { makePushersDue } from './pushers.ts';

export interface ReadMarkTable {
  readonly user_nid: number;
  readonly room_nid: number;
  /** Empty for all threads. */
  readonly thread_id: string;
  readonly position: number;
}

export interface ReadMarkTables {
  read_marks: ReadMarkTable;
}

/** Up to where somebody has read a room, or one thread of it. */
export interface ReadMark {
  readonly userNid: number;
  readonly roomNid: number;
  /** undefined for all threads. */
  readonly threadId: string | undefined;
  /** 0 says nothing, but lets what the user has read already be looked at anew. */
  readonly upTo: number;
}

type Fragment = RawBuilder<unknown>;

/** How many users share a row of notifications: the bits of an integer that JavaScript does not round. */
export const USERS_PER_BUCKET = 32;

/** Whether the row `n` of notifications is for a user. */
export function isForUser(userNid: Fragment): Fragment {
  return sql`n.users & (1::bigint << (${userNid} % ${sql.lit(USERS_PER_BUCKET)})::integer) <> 0`;
}

/** The bucket that a user is in. */
export function bucketOf(userNid: Fragment): Fragment {
  return sql`(${userNid} / ${sql.lit(USERS_PER_BUCKET)})`;
}

/**
 * To join laterally as `mark`: up to where a user has read all of a room (`up_to`), and single threads of it (`threads`, an
 * object, or null for none). Always one row.
 */
export function marksOf(userNid: Fragment, roomNid: Fragment): Fragment {
  return sql`
    select coalesce(max(position) filter (where thread_id = ''), 0) as up_to,
      jsonb_object_agg(thread_id, position) filter (where thread_id <> '') as threads
    from read_marks where user_nid = ${userNid} and room_nid = ${roomNid}`;
}

/** Whether the row `n` of notifications lies behind the marks of `mark`, a row of {@link marksOf}. */
export const isUnread = sql`n.position > mark.up_to and ${isBehind(sql`mark.threads`)}`;

function isBehind(threads: Fragment): Fragment {
  return sql`n.position > coalesce((${threads} ->> n.thread_id)::bigint, 0)`;
}

/** Those who read something by marks that are given. */
const READERS = sql`
    select mark.user_nid from touched mark
    where (
      select true from notifications n
      where n.room_nid = mark.room_nid and n.user_bucket = ${bucketOf(sql`mark.user_nid`)}
        and n.position <= mark.furthest and ${isForUser(sql`mark.user_nid`)} and ${isUnread}
        and (n.position <= mark.given_up_to or n.position <= (mark.given_threads ->> n.thread_id)::bigint)
      order by n.room_nid, n.user_bucket, n.position limit 1)`;

/** What moving marks takes to know. */
export interface ReadingTime {
  /** Up to where push rules are applied. No mark lies beyond it. */
  readonly reached: number;
  /** Milliseconds since the epoch. */
  readonly nowTs: number;
}

/**
 * Moves marks, none of them back. The pushers of users who read something by that are due; true when there are any.
 *
 * Then the mark for all threads goes on to just before the first thing that is unread still, or to `reached` where there is
 * none, and takes those of threads with it that lie no further: who looks for unread notifications starts there, and need
 * not pass what others in the bucket have not read.
 *
 * Whatever will be inserted comes behind `reached`, and so behind all marks: one that goes on by itself hides nothing.
 */
export async function moveReadMarks(
  tx: Tx,
  marks: readonly ReadMark[],
  { reached, nowTs }: ReadingTime,
): Promise<boolean> {
  if (marks.length === 0) return false;
  const { rows } = await sql<{ is_due: boolean }>`
    with given as materialized (
      select user_nid, room_nid, thread_id, max(up_to) as position
      from unnest(
        ${marks.map((mark) => mark.userNid)}::bigint[], ${marks.map((mark) => mark.roomNid)}::bigint[],
        ${marks.map((mark) => mark.threadId ?? '')}::text[], ${marks.map((mark) => mark.upTo)}::bigint[]
      ) as g (user_nid, room_nid, thread_id, up_to)
      group by user_nid, room_nid, thread_id
    ), touched as materialized (
      select g.*, mark.up_to, mark.threads, greatest(mark.up_to, g.given_up_to) as all_up_to
      from (
        select user_nid, room_nid, max(position) as furthest,
          coalesce(max(position) filter (where thread_id = ''), 0) as given_up_to,
          jsonb_object_agg(thread_id, position) filter (where thread_id <> '') as given_threads
        from given group by user_nid, room_nid
      ) as g
      cross join lateral (${marksOf(sql`g.user_nid`, sql`g.room_nid`)}) as mark
    ), moved as materialized (
      select mark.*, greatest(mark.all_up_to, coalesce((
        select n.position - 1 from notifications n
        where n.room_nid = mark.room_nid and n.user_bucket = ${bucketOf(sql`mark.user_nid`)}
          and n.position > mark.all_up_to and ${isForUser(sql`mark.user_nid`)}
          and ${isBehind(sql`mark.threads`)} and ${isBehind(sql`mark.given_threads`)}
        order by n.room_nid, n.user_bucket, n.position limit 1
      ), ${reached}::bigint)) as goes_to
      from touched mark
    ), absorbed as (
      delete from read_marks m using moved
      where m.user_nid = moved.user_nid and m.room_nid = moved.room_nid and m.thread_id <> ''
        and greatest(m.position, (moved.given_threads ->> m.thread_id)::bigint) <= moved.goes_to
    ), written as (
      insert into read_marks as m (user_nid, room_nid, thread_id, position)
      select user_nid, room_nid, '', goes_to from moved where goes_to > up_to
      union all
      select g.user_nid, g.room_nid, g.thread_id, g.position
      from given g join moved on moved.user_nid = g.user_nid and moved.room_nid = g.room_nid
      where g.thread_id <> '' and g.position > moved.goes_to
      on conflict (user_nid, room_nid, thread_id) do update set position = excluded.position
      where m.position < excluded.position
    ), due as (${makePushersDue(READERS, nowTs)})
    select exists (select from due) as is_due`.execute(tx);
  return rows[0]?.is_due === true;
}
