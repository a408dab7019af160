import { sql, type RawBuilder } from 'kysely';
import type { EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

export type FutureStatus = 'pending' | 'sent' | 'superseded' | 'cancelled' | 'failed';

export interface FutureTable {
  readonly future_nid: number;
  readonly token_id: string | null;
  readonly user_nid: number;
  readonly device_id: string | null;
  readonly room_nid: number;
  readonly status: FutureStatus;
  readonly timeout_ms: number;
  readonly since_ts: number;
  readonly deadline_ts: number;
  readonly watched_state_key_nid: number | null;
  readonly watched_event_id: EventId | null;
  readonly send_now_event_id: EventId | null;
  readonly mirror: string | null;
  readonly refreshed: boolean;
  readonly finalised_ts: number | null;
  readonly sent_delay_id: string | null;
  readonly sent_event_id: EventId | null;
  readonly error: string | null;
}

export interface FutureAlternativeTable {
  readonly future_nid: number;
  readonly ordinal: number;
  readonly trigger: string;
  readonly delay_id: string;
  readonly type: string;
  readonly state_key: string | null;
  readonly content: string;
  readonly redacts: string | null;
}

export interface FutureTables {
  futures: FutureTable;
  future_alternatives: FutureAlternativeTable;
}

/** One thing a future may become. */
export interface FutureAlternative {
  /** `timeout` or `action:<name>`. */
  readonly trigger: string;
  readonly delayId: string;
  readonly type: string;
  readonly stateKey: string | undefined;
  /** JSON text of the event's content. */
  readonly content: string;
  readonly redacts: EventId | undefined;
}

/** A future with all that it may become. Times are milliseconds since the epoch. */
export interface StoredFuture {
  readonly futureNid: number;
  readonly tokenId: string | undefined;
  readonly userNid: number;
  readonly userId: UserId;
  readonly deviceId: string | undefined;
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly status: FutureStatus;
  readonly timeoutMs: number;
  readonly sinceTs: number;
  readonly deadlineTs: number;
  readonly watched: { readonly stateKeyNid: number; readonly eventId: EventId } | undefined;
  readonly sendNowEventId: EventId | undefined;
  readonly mirror: string | undefined;
  readonly refreshed: boolean;
  readonly finalisedTs: number | undefined;
  readonly sentDelayId: string | undefined;
  readonly sentEventId: EventId | undefined;
  /** JSON text of a Matrix error. */
  readonly error: string | undefined;
  readonly alternatives: readonly FutureAlternative[];
}

interface FutureRow extends FutureTable {
  readonly user_id: UserId;
  readonly room_id: RoomId;
  readonly alternatives: readonly {
    readonly trigger: string;
    readonly delay_id: string;
    readonly type: string;
    readonly state_key: string | null;
    readonly content: string;
    readonly redacts: EventId | null;
  }[];
}

function readRow(row: FutureRow): StoredFuture {
  return {
    futureNid: row.future_nid,
    tokenId: row.token_id ?? undefined,
    userNid: row.user_nid,
    userId: row.user_id,
    deviceId: row.device_id ?? undefined,
    roomNid: row.room_nid,
    roomId: row.room_id,
    status: row.status,
    timeoutMs: row.timeout_ms,
    sinceTs: row.since_ts,
    deadlineTs: row.deadline_ts,
    watched:
      row.watched_state_key_nid === null || row.watched_event_id === null
        ? undefined
        : { stateKeyNid: row.watched_state_key_nid, eventId: row.watched_event_id },
    sendNowEventId: row.send_now_event_id ?? undefined,
    mirror: row.mirror ?? undefined,
    refreshed: row.refreshed,
    finalisedTs: row.finalised_ts ?? undefined,
    sentDelayId: row.sent_delay_id ?? undefined,
    sentEventId: row.sent_event_id ?? undefined,
    error: row.error ?? undefined,
    alternatives: row.alternatives.map((alternative) => ({
      trigger: alternative.trigger,
      delayId: alternative.delay_id,
      type: alternative.type,
      stateKey: alternative.state_key ?? undefined,
      content: alternative.content,
      redacts: alternative.redacts ?? undefined,
    })),
  };
}

/** Futures that satisfy a condition on `f`, with their alternatives in the order of their making. */
export async function listFuturesWhere(db: Db, condition: RawBuilder<unknown>): Promise<StoredFuture[]> {
  const { rows } = await sql<FutureRow>`
    select f.*, u.user_id, r.room_id, (
      select json_agg(json_build_object('trigger', a.trigger, 'delay_id', a.delay_id, 'type', a.type,
        'state_key', a.state_key, 'content', a.content, 'redacts', a.redacts) order by a.ordinal)
      from future_alternatives a where a.future_nid = f.future_nid
    ) as alternatives
    from futures f join users u on u.user_nid = f.user_nid join rooms r on r.room_nid = f.room_nid
    where ${condition}`.execute(db);
  return rows.map(readRow);
}

/** The future behind the random half of a future_token. */
export async function findFutureByToken(db: Db, tokenId: string): Promise<StoredFuture | undefined> {
  return (await listFuturesWhere(db, sql`f.token_id = ${tokenId}`))[0];
}

/** The future one of whose alternatives has this delay id. */
export async function findFutureByDelayId(db: Db, delayId: string): Promise<StoredFuture | undefined> {
  const owner = sql`(select a.future_nid from future_alternatives a where a.delay_id = ${delayId})`;
  return (await listFuturesWhere(db, sql`f.future_nid = ${owner}`))[0];
}

/** Pending futures whose deadline is at or before `nowMs`, soonest first, at most `limit`. */
export function listDueFutures(db: Db, nowMs: number, limit: number): Promise<StoredFuture[]> {
  return listFuturesWhere(
    db,
    sql`f.status = 'pending' and f.deadline_ts <= ${nowMs} order by f.deadline_ts, f.future_nid limit ${limit}`,
  );
}

/** The soonest deadline of all pending futures, in milliseconds since the epoch. */
export async function findSoonestDeadline(db: Db): Promise<number | undefined> {
  const { rows } = await sql<{ deadline_ts: number }>`
    select deadline_ts from futures where status = 'pending' order by deadline_ts limit 1`.execute(db);
  return rows[0]?.deadline_ts;
}

/** Restarts the timer of a pending future: the new deadline, or undefined when it is pending no more. */
export async function restartFuture(db: Db, futureNid: number, nowMs: number): Promise<number | undefined> {
  const { rows } = await sql<{ deadline_ts: number }>`
    update futures set since_ts = ${nowMs}, deadline_ts = ${nowMs} + timeout_ms, refreshed = true
    where future_nid = ${futureNid} and status = 'pending' returning deadline_ts`.execute(db);
  return rows[0]?.deadline_ts;
}

/** Ends a pending future without an event; false when it is pending no more. */
export async function finaliseFuture(
  db: Db | Tx,
  futureNid: number,
  end: {
    readonly status: 'cancelled' | 'failed';
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

/** How many futures of a user are pending. */
export async function countPendingFutures(db: Db, userNid: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from futures where user_nid = ${userNid} and status = 'pending'`.execute(db);
  return rows[0]?.count ?? 0;
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

/** Hands out fresh ids of futures. */
export async function allotFutureNid(db: Db): Promise<number> {
  const { rows } = await sql<{ nid: number }>`select nextval('future_nids') as nid`.execute(db);
  const nid = rows[0]?.nid;
  if (nid === undefined) throw new Error('the sequence of future ids gave nothing');
  return nid;
}
