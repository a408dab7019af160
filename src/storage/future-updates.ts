import { sql } from 'kysely';
import type { Db, Tx } from './database.ts';
import { isNamed, type FutureName } from './futures.ts';

/**
 * Restarts the timer of a pending future: its new deadline, or undefined when there is none of that name (and, where
 * it is given, of that owner) that is pending.
 */
export async function restartFuture(
  db: Db,
  name: FutureName,
  ownerNid: number | undefined,
  nowMs: number,
): Promise<number | undefined> {
  const { rows } = await sql<{ deadline_ts: number }>`
    update futures f set since_ts = ${nowMs}, deadline_ts = ${nowMs} + timeout_ms, refreshed = true
    where ${isNamed(name)} and f.status = 'pending'
      and (${ownerNid ?? null}::bigint is null or f.user_nid = ${ownerNid ?? null})
    returning deadline_ts`.execute(db);
  return rows[0]?.deadline_ts;
}

/** Ends a pending future without an event; false when it is pending no more. */
export async function finaliseFuture(
  db: Db,
  futureNid: number,
  end: {
    readonly status: 'cancelled' | 'failed';
    /** JSON text of a Matrix error. */
    readonly error: string | undefined;
    /** Set when its timer fired: a refresh in between keeps it alive. */
    readonly expectedDeadlineTs: number | undefined;
  },
  nowMs: number,
): Promise<boolean> {
  const { rows } = await sql`
    update futures set status = ${end.status}, error = ${end.error ?? null}, finalised_ts = ${nowMs}
    where future_nid = ${futureNid} and status = 'pending'
      and (${end.expectedDeadlineTs ?? null}::bigint is null or deadline_ts = ${end.expectedDeadlineTs ?? null})
    returning 1`.execute(db);
  return rows.length > 0;
}

/** Ends a pending future whose watched event is no longer current: what the commit of the newer state does as well. */
export async function finaliseIfMoot(db: Db, futureNid: number, nowMs: number): Promise<boolean> {
  const { rows } = await sql`
    update futures f set status = 'superseded', finalised_ts = ${nowMs}
    where f.future_nid = ${futureNid} and f.status = 'pending' and f.watched_event_id is not null
      and not exists (
        select from current_state s join events e on e.event_nid = s.event_nid
        where s.room_nid = f.room_nid and s.state_key_nid = f.watched_state_key_nid and e.event_id = f.watched_event_id
      )
    returning 1`.execute(db);
  return rows.length > 0;
}

/** Cancels all of a user's pending futures and forgets what all of their futures would have said. */
export async function purgeFuturesOfUser(tx: Tx, userNid: number, nowMs: number): Promise<void> {
  await sql`
    update futures set status = 'cancelled', finalised_ts = ${nowMs}
    where user_nid = ${userNid} and status = 'pending'`.execute(tx);
  await sql`
    update future_alternatives a set content = '{}' from futures f
    where f.future_nid = a.future_nid and f.user_nid = ${userNid}`.execute(tx);
}

/** Forgets at most `limit` futures that ended before `beforeTs`: how many. */
export async function deleteFuturesFinalisedBefore(db: Db, beforeTs: number, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from futures where future_nid in (
      select future_nid from futures where finalised_ts < ${beforeTs} order by finalised_ts limit ${limit}
    ) returning 1`.execute(db);
  return rows.length;
}

/** Forgets at most `limit` finalised futures beyond the newest `keep` of each user: how many. */
export async function deleteFuturesBeyond(db: Db, keep: number, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from futures where future_nid in (
      select future_nid from (
        select future_nid, row_number() over (partition by user_nid order by finalised_ts desc, future_nid desc) as place
        from futures where finalised_ts is not null
      ) as ranked where place > ${keep} limit ${limit}
    ) returning 1`.execute(db);
  return rows.length;
}

/** Hands out a fresh id of a future. */
export async function allotFutureNid(db: Db): Promise<number> {
  const { rows } = await sql<{ nid: number }>`select nextval('future_nids') as nid`.execute(db);
  const nid = rows[0]?.nid;
  if (nid === undefined) throw new Error('the sequence of future ids gave nothing');
  return nid;
}
