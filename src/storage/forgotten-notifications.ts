import { sql } from 'kysely';
import type { Db, Tx } from './database.ts';
import type { NotificationTable } from './notifications.ts';
import { makePushersDue } from './pushers.ts';
import { bucketOf, isForUser, isUnread, marksOf, USERS_PER_BUCKET } from './read-marks.ts';

/** To join laterally as `one`: those of the users of the row `n` who have not read it, by interned id. */
const UNREAD_USERS = sql`
  select n.user_bucket * ${sql.lit(USERS_PER_BUCKET)} + bit as user_nid
  from generate_series(0, ${sql.lit(USERS_PER_BUCKET - 1)}) as bit
  cross join lateral (
    ${marksOf(sql`n.user_bucket * ${sql.lit(USERS_PER_BUCKET)} + bit`, sql`n.room_nid`)}) as mark
  where n.users & (1::bigint << bit) <> 0 and ${isUnread}`;

/**
 * Takes back the notifications of events that were redacted. The pushers of users who had an unread one are due; true when
 * there are any.
 */
export async function deleteNotificationsOf(
  tx: Tx,
  events: readonly { readonly roomNid: number; readonly position: number }[],
  nowTs: number,
): Promise<boolean> {
  if (events.length === 0) return false;
  const { rows } = await sql<{ is_due: boolean }>`
    with gone as materialized (
      select distinct ${bucketOf(sql`m.user_nid`)} as user_bucket, e.position
      from unnest(
        ${events.map((event) => event.roomNid)}::bigint[], ${events.map((event) => event.position)}::bigint[]
      ) as e (room_nid, position)
      join memberships m on m.room_nid = e.room_nid and m.is_local
    ), n as (
      delete from notifications n using gone
      where n.user_bucket = gone.user_bucket and n.position = gone.position
      returning n.*
    ), due as (
      ${makePushersDue(sql`select one.user_nid from n cross join lateral (${UNREAD_USERS}) as one`, nowTs)}
    )
    select exists (select from due) as is_due`.execute(tx);
  return rows[0]?.is_due === true;
}

/**
 * Forgets notifications that nobody will look up any more: read ones sooner than unread ones. Takes a statement for each
 * `rowsAtOnce` rows, so that none lasts long.
 */
export async function deleteOldNotifications(
  db: Db,
  before: { readonly readTs: number; readonly unreadTs: number },
  rowsAtOnce = 5_000,
): Promise<void> {
  await sql`delete from notifications where created_ts < ${before.unreadTs}`.execute(db);
  let last: NotificationKey | undefined = { user_bucket: -1, position: 0, outcome: 0 };
  while (last !== undefined) last = await deleteRead(db, before.readTs, last, rowsAtOnce);
}

type NotificationKey = Pick<NotificationTable, 'user_bucket' | 'position' | 'outcome'>;

/** Of old rows behind a key those who have read them are taken out. Answers the last key when there may be more. */
async function deleteRead(
  db: Db,
  beforeTs: number,
  after: NotificationKey,
  limit: number,
): Promise<NotificationKey | undefined> {
  const isSame = sql`n.user_bucket = old.user_bucket and n.position = old.position and n.outcome = old.outcome`;
  const { rows } = await sql<NotificationKey & { readonly seen: number }>`
    with old as materialized (
      select n.user_bucket, n.position, n.outcome,
        (select coalesce(bit_or(1::bigint << (one.user_nid % ${sql.lit(USERS_PER_BUCKET)})::integer), 0)
         from (${UNREAD_USERS}) as one) as unread
      from notifications n
      where (n.user_bucket, n.position, n.outcome)
          > (${after.user_bucket}::bigint, ${after.position}::bigint, ${after.outcome}::smallint)
        and n.created_ts < ${beforeTs}
      order by n.user_bucket, n.position, n.outcome limit ${limit}
    ), emptied as (
      delete from notifications n using old where ${isSame} and old.unread = 0
    ), narrowed as (
      update notifications n set users = n.users & old.unread from old
      where ${isSame} and old.unread <> 0 and n.users <> old.unread
    )
    select user_bucket, position, outcome, (select count(*) from old) as seen
    from old order by user_bucket desc, position desc, outcome desc limit 1`.execute(db);
  const [row] = rows;
  return row === undefined || row.seen < limit ? undefined : row;
}

/** Removes all notifications of a user whose account ends, and what they have read. */
export async function deleteNotificationsOfUser(tx: Tx, userNid: number): Promise<void> {
  const user = sql`${userNid}::bigint`;
  const bit = sql`(1::bigint << (${user} % ${sql.lit(USERS_PER_BUCKET)})::integer)`;
  await sql`
    with emptied as (
      delete from notifications n where n.user_bucket = ${bucketOf(user)} and n.users = ${bit}
    ), unread as (
      delete from read_marks where user_nid = ${userNid}
    )
    update notifications n set users = n.users & ~${bit}
    where n.user_bucket = ${bucketOf(user)} and ${isForUser(user)} and n.users <> ${bit}`.execute(tx);
}
