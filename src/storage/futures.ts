import { sql, type RawBuilder } from 'kysely';
import type { AccountState } from '../matrix/account-state.ts';
import type { FutureStatus } from '../matrix/futures.ts';
import type { EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import { readAccountState, type AccountStateColumns } from './account-states.ts';
import type { Db } from './database.ts';

export interface FutureTable {
  readonly future_nid: number;
  readonly token_id: string | null;
  readonly public_id: string | null;
  readonly user_nid: number;
  readonly device_id: string | null;
  readonly room_nid: number;
  readonly status: FutureStatus;
  readonly timeout_ms: number;
  readonly since_ts: number;
  readonly deadline_ts: number;
  readonly watched_state_key_nid: number | null;
  readonly watched_event_id: EventId | null;
  readonly contested_state_key_nid: number | null;
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
  readonly reserved_event_id: EventId | null;
  readonly sticky_duration_ms: number | null;
  readonly origin_server_ts: number | null;
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
  /** The id that the event will have where servers choose ids. */
  readonly reservedEventId: EventId | undefined;
  /** How long the event will be sticky. */
  readonly stickyDurationMs: number | undefined;
  /** The time that the event will have; undefined for that at which it is sent. */
  readonly originServerTs: number | undefined;
}

/** A future with all that it may become. Times are milliseconds since the epoch. */
export interface StoredFuture {
  readonly futureNid: number;
  readonly tokenId: string | undefined;
  readonly publicId: string | undefined;
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
  /** True when state of other users in the slot of its timeout ends it. */
  readonly isContested: boolean;
  readonly sendNowEventId: EventId | undefined;
  readonly mirror: string | undefined;
  readonly refreshed: boolean;
  readonly finalisedTs: number | undefined;
  readonly sentDelayId: string | undefined;
  readonly sentEventId: EventId | undefined;
  /** JSON text of a Matrix error. */
  readonly error: string | undefined;
  /** True when the owner's account has ended. */
  readonly isOwnerGone: boolean;
  /** How the owner's account is restricted at the time of reading. */
  readonly ownerState: AccountState;
  readonly alternatives: readonly FutureAlternative[];
}

interface FutureRow extends FutureTable, AccountStateColumns {
  readonly user_id: UserId;
  readonly room_id: RoomId;
  readonly is_owner_gone: boolean;
  readonly alternatives: readonly {
    readonly trigger: string;
    readonly delay_id: string;
    readonly type: string;
    readonly state_key: string | null;
    readonly content: string;
    readonly redacts: EventId | null;
    readonly reserved_event_id: EventId | null;
    readonly sticky_duration_ms: number | null;
    readonly origin_server_ts: number | null;
  }[];
}

function readRow(row: FutureRow): StoredFuture {
  return {
    futureNid: row.future_nid,
    tokenId: row.token_id ?? undefined,
    publicId: row.public_id ?? undefined,
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
    isContested: row.contested_state_key_nid !== null,
    sendNowEventId: row.send_now_event_id ?? undefined,
    mirror: row.mirror ?? undefined,
    refreshed: row.refreshed,
    finalisedTs: row.finalised_ts ?? undefined,
    sentDelayId: row.sent_delay_id ?? undefined,
    sentEventId: row.sent_event_id ?? undefined,
    error: row.error ?? undefined,
    isOwnerGone: row.is_owner_gone,
    ownerState: readAccountState(row),
    alternatives: row.alternatives.map((alternative) => ({
      trigger: alternative.trigger,
      delayId: alternative.delay_id,
      type: alternative.type,
      stateKey: alternative.state_key ?? undefined,
      content: alternative.content,
      redacts: alternative.redacts ?? undefined,
      reservedEventId: alternative.reserved_event_id ?? undefined,
      stickyDurationMs: alternative.sticky_duration_ms ?? undefined,
      originServerTs: alternative.origin_server_ts ?? undefined,
    })),
  };
}

/** Futures that satisfy a condition on `f`, with their alternatives in the order of their making. */
async function listWhere(db: Db, condition: RawBuilder<unknown>): Promise<StoredFuture[]> {
  const { rows } = await sql<FutureRow>`
    select f.*, u.user_id, coalesce(r.room_id, '') as room_id,
      o.deactivated_ts is not null as is_owner_gone, o.locked_ts, o.suspended_ts, o.shadow_banned_ts, (
      select json_agg(json_build_object('trigger', a.trigger, 'delay_id', a.delay_id, 'type', a.type,
        'state_key', a.state_key, 'content', a.content, 'redacts', a.redacts,
        'reserved_event_id', a.reserved_event_id, 'sticky_duration_ms', a.sticky_duration_ms,
        'origin_server_ts', a.origin_server_ts) order by a.ordinal)
      from future_alternatives a where a.future_nid = f.future_nid
    ) as alternatives
    from futures f join users u on u.user_nid = f.user_nid left join rooms r on r.room_nid = f.room_nid
      left join accounts o on o.user_nid = f.user_nid
    where ${condition}`.execute(db);
  return rows.map(readRow);
}

/** How a future is named: by the random half of its future_token, or by the delay id of one of its alternatives. */
export type FutureName = { readonly tokenId: string } | { readonly delayId: string };

/** The condition on `f` that picks the future of a name. */
export function isNamed(name: FutureName): RawBuilder<unknown> {
  if ('tokenId' in name) return sql`f.token_id = ${name.tokenId}`;
  return sql`f.future_nid = (select a.future_nid from future_alternatives a where a.delay_id = ${name.delayId})`;
}

/** The future of this name. */
export async function findFuture(db: Db, name: FutureName): Promise<StoredFuture | undefined> {
  return (await listWhere(db, isNamed(name)))[0];
}

/** The future that a placeholder names. */
export async function findFutureByPublicId(db: Db, publicId: string): Promise<StoredFuture | undefined> {
  return (await listWhere(db, sql`f.public_id = ${publicId}`))[0];
}

/**
 * What a process leaves alone for a while after its start: refreshed futures that were overdue at `startedTs` have
 * until one timeout later, at most `mostMs`, to be refreshed again.
 */
export interface RestartGrace {
  readonly startedTs: number;
  readonly mostMs: number;
}

function isSpared({ startedTs }: RestartGrace): RawBuilder<unknown> {
  return sql`(f.refreshed and f.deadline_ts <= ${startedTs})`;
}

function sparedUntil({ startedTs, mostMs }: RestartGrace): RawBuilder<number> {
  return sql<number>`(${startedTs} + least(f.timeout_ms, ${mostMs}))`;
}

/**
 * Pending futures of rooms other than `exceptRooms` whose deadline is at or before `nowMs`, and their grace over: at
 * most `limit`, soonest first.
 */
export function listDueFutures(
  db: Db,
  nowMs: number,
  limit: number,
  exceptRooms: readonly number[],
  grace?: RestartGrace,
): Promise<StoredFuture[]> {
  const isRipe =
    grace === undefined ? sql`true` : sql`(not ${isSpared(grace)} or ${sparedUntil(grace)} <= ${nowMs})`;
  return listWhere(
    db,
    sql`f.status = 'pending' and f.deadline_ts <= ${nowMs} and f.room_nid <> all(${exceptRooms}::bigint[])
      and ${isRipe}
      order by f.deadline_ts, f.future_nid limit ${limit}`,
  );
}

/**
 * The soonest deadline of all pending futures of rooms other than `exceptRooms`, in milliseconds since the epoch; of
 * those that have a grace, its end.
 */
export async function findSoonestDeadline(
  db: Db,
  exceptRooms: readonly number[],
  grace?: RestartGrace,
): Promise<number | undefined> {
  const isWanted = sql`f.status = 'pending' and f.room_nid <> all(${exceptRooms}::bigint[])`;
  const { rows } = await sql<{ deadline_ts: number }>`
    select f.deadline_ts from futures f
    where ${isWanted} and ${grace === undefined ? sql`true` : sql`not ${isSpared(grace)}`}
    order by f.deadline_ts limit 1`.execute(db);
  const soonest = rows[0]?.deadline_ts;
  if (grace === undefined) return soonest;
  const spared = await sql<{ until: number | null }>`
    select min(${sparedUntil(grace)}) as until from futures f where ${isWanted} and ${isSpared(grace)}`.execute(
    db,
  );
  const until = spared.rows[0]?.until ?? undefined;
  return soonest === undefined || until === undefined ? (soonest ?? until) : Math.min(soonest, until);
}

/** Which futures of a user to list, by deadline and then in the order of their making. */
export interface FutureListing {
  readonly userNid: number;
  readonly statuses: readonly FutureStatus[];
  /** Only those that have a future_token. */
  readonly withToken?: boolean;
  readonly roomId?: RoomId | undefined;
  /** Only those one of whose alternatives has this type. */
  readonly type?: string | undefined;
  /** Deadlines in milliseconds since the epoch, inclusive. */
  readonly fromTs?: number | undefined;
  readonly toTs?: number | undefined;
  /** Where the last page has ended. */
  readonly after?: { readonly deadlineTs: number; readonly futureNid: number } | undefined;
  readonly latestFirst?: boolean;
  readonly limit: number;
}

/** A user's futures. */
export function listFuturesOfUser(db: Db, listing: FutureListing): Promise<StoredFuture[]> {
  const { after, latestFirst = false } = listing;
  const conditions = [
    sql`f.user_nid = ${listing.userNid} and f.status = any(${listing.statuses}::text[])`,
    ...(listing.withToken === true ? [sql`f.token_id is not null`] : []),
    ...(listing.roomId === undefined ? [] : [sql`r.room_id = ${listing.roomId}`]),
    ...(listing.fromTs === undefined ? [] : [sql`f.deadline_ts >= ${listing.fromTs}`]),
    ...(listing.toTs === undefined ? [] : [sql`f.deadline_ts <= ${listing.toTs}`]),
    ...(listing.type === undefined
      ? []
      : [
          sql`exists (select from future_alternatives a
            where a.future_nid = f.future_nid and a.type = ${listing.type})`,
        ]),
    ...(after === undefined
      ? []
      : latestFirst
        ? [sql`(f.deadline_ts, f.future_nid) < (${after.deadlineTs}, ${after.futureNid})`]
        : [sql`(f.deadline_ts, f.future_nid) > (${after.deadlineTs}, ${after.futureNid})`]),
  ];
  const order = latestFirst ? sql`f.deadline_ts desc, f.future_nid desc` : sql`f.deadline_ts, f.future_nid`;
  return listWhere(db, sql`${sql.join(conditions, sql` and `)} order by ${order} limit ${listing.limit}`);
}

/** How many futures of a user are pending, and when the next of them is due. */
export async function countPendingFutures(
  db: Db,
  userNid: number,
): Promise<{ readonly count: number; readonly nextDeadlineTs: number | undefined }> {
  const { rows } = await sql<{ count: number; next: number | null }>`
    select count(*) as count, min(deadline_ts) as next from futures
    where user_nid = ${userNid} and status = 'pending'`.execute(db);
  return { count: rows[0]?.count ?? 0, nextDeadlineTs: rows[0]?.next ?? undefined };
}
