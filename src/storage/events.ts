import { sql, type RawBuilder } from 'kysely';
import type { EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import { readTogether } from './together.ts';
import type { Db } from './database.ts';
import { unpackJson } from './packed-json.ts';
import { stateRootOf, type StateRoot } from './state-node.ts';

/** `events.status`: what became of an event. */
export const EVENT_STATUS = { accepted: 0, softFailed: 1, rejected: 2, outlier: 3 } as const;
export type EventStatus = keyof typeof EVENT_STATUS;
const STATUS_NAMES: readonly EventStatus[] = ['accepted', 'softFailed', 'rejected', 'outlier'];

export interface EventTable {
  readonly event_nid: number;
  readonly event_id: EventId;
  readonly room_nid: number;
  readonly position: number | null;
  readonly status: number;
  readonly depth: number;
  readonly origin_server_ts: number;
  readonly sender_nid: number;
  readonly type: string;
  readonly state_key_nid: number | null;
  readonly state_before: Buffer | null;
  readonly state_after: Buffer | null;
  readonly replaces_nid: number | null;
  readonly redacted_by_nid: number | null;
  readonly redacts: EventId | null;
  readonly session_nid: number | null;
  readonly txn_id: string | null;
  /** Of `numberRequest`, too long for a number here: written and compared, and never read. */
  readonly request: string | null;
  readonly delay_id: string | null;
  readonly rejection: string | null;
  /** Packed: see packed-json.ts. */
  readonly json: Buffer;
}

export interface MissingPrevEventTable {
  readonly room_nid: number;
  readonly prev_event_id: EventId;
  readonly event_nid: number;
}

export interface EventTables {
  events: EventTable;
  missing_prev_events: MissingPrevEventTable;
}

/** An event as it lies in the database: its PDU as text, and what the server knows beside it. */
export interface StoredEvent {
  readonly eventNid: number;
  readonly eventId: EventId;
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly roomVersion: string;
  readonly position: number | undefined;
  readonly status: EventStatus;
  readonly senderNid: number;
  readonly stateKeyNid: number | undefined;
  /** undefined for outliers. */
  readonly stateBefore: StateRoot | undefined;
  /** The same as stateBefore unless the event changed the state. */
  readonly stateAfter: StateRoot | undefined;
  readonly replacesNid: number | undefined;
  readonly redactedByNid: number | undefined;
  readonly sessionNid: number | undefined;
  readonly txnId: string | undefined;
  readonly delayId: string | undefined;
  readonly json: string;
}

interface StoredEventRow extends Omit<
  EventTable,
  'depth' | 'origin_server_ts' | 'type' | 'redacts' | 'rejection'
> {
  readonly room_id: RoomId;
  readonly room_version: string;
}

const SELECT_EVENT = sql`
  select e.event_nid, e.event_id, e.room_nid, r.room_id, r.room_version, e.position, e.status, e.sender_nid,
    e.state_key_nid, e.state_before, e.state_after, e.replaces_nid, e.redacted_by_nid, e.session_nid, e.txn_id,
    e.delay_id, e.json
  from events e join rooms r on r.room_nid = e.room_nid`;

function readRow(row: StoredEventRow): StoredEvent {
  const stateBefore = row.state_before === null ? undefined : stateRootOf(row.state_before);
  return {
    eventNid: row.event_nid,
    eventId: row.event_id,
    roomNid: row.room_nid,
    roomId: row.room_id,
    roomVersion: row.room_version,
    position: row.position ?? undefined,
    status: STATUS_NAMES[row.status] ?? 'rejected',
    senderNid: row.sender_nid,
    stateKeyNid: row.state_key_nid ?? undefined,
    stateBefore,
    stateAfter: row.state_after === null ? stateBefore : stateRootOf(row.state_after),
    replacesNid: row.replaces_nid ?? undefined,
    redactedByNid: row.redacted_by_nid ?? undefined,
    sessionNid: row.session_nid ?? undefined,
    txnId: row.txn_id ?? undefined,
    delayId: row.delay_id ?? undefined,
    json: unpackJson(row.json),
  };
}

/** Events by a condition on `e`, the events table; an `order by` may follow it. For the queries of this floor. */
export async function listEventsWhere(db: Db, condition: RawBuilder<unknown>): Promise<StoredEvent[]> {
  const { rows } = await sql<StoredEventRow>`${SELECT_EVENT} where ${condition}`.execute(db);
  return rows.map(readRow);
}

/** Those of the events that are here, in no order. */
export function listEventsById(db: Db, eventIds: readonly EventId[]): Promise<StoredEvent[]> {
  if (eventIds.length === 0) return Promise.resolve([]);
  return listEventsWhere(db, sql`e.event_id = any(${eventIds}::text[])`);
}

/** Events by interned id, in no order. */
export function listEventsByNid(db: Db, eventNids: readonly number[]): Promise<StoredEvent[]> {
  return eventNids.length === 0 ? Promise.resolve([]) : readEventsByNid(db, eventNids);
}

const readEventsByNid = readTogether(async (db, calls: readonly (readonly number[])[]) => {
  const wanted = [...new Set(calls.flat())];
  const found = await listEventsWhere(db, sql`e.event_nid = any(${wanted}::bigint[])`);
  const byNid = new Map(found.map((event) => [event.eventNid, event]));
  return calls.map((eventNids) => [...new Set(eventNids)].flatMap((nid) => byNid.get(nid) ?? []));
});

/** The event that a delayed event has become, if it has. */
export async function findEventByDelayId(db: Db, delayId: string): Promise<StoredEvent | undefined> {
  return (await listEventsWhere(db, sql`e.delay_id = ${delayId}`))[0];
}

/** A stretch of a room's timeline. `after` and `upTo` are stream positions: `after < position <= upTo`. */
export interface TimelineRange {
  readonly roomNid: number;
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
  readonly newestFirst: boolean;
}

/** Timeline events of a room, at most `limit`, from the newest or the oldest end of the range. */
export function listTimeline(db: Db, range: TimelineRange): Promise<StoredEvent[]> {
  return range.newestFirst ? readNewest(db, range) : readOldest(db, range);
}

const readNewest = readTogether((db, ranges: readonly TimelineRange[]) =>
  listTimelines(db, ranges, sql`order by e.position desc`),
);

const readOldest = readTogether((db, ranges: readonly TimelineRange[]) =>
  listTimelines(db, ranges, sql`order by e.position`),
);

/** Compared as pairs, so that the index of the room is used whatever the statistics say: never that of all positions. */
async function listTimelines(
  db: Db,
  ranges: readonly TimelineRange[],
  order: RawBuilder<unknown>,
): Promise<StoredEvent[][]> {
  const { rows } = await sql<StoredEventRow & { readonly call: number }>`
    select w.call, e.*
    from unnest(
      ${ranges.map((range) => range.roomNid)}::bigint[], ${ranges.map((range) => range.after)}::bigint[],
      ${ranges.map((range) => range.upTo)}::bigint[], ${ranges.map((range) => range.limit)}::bigint[]
    ) with ordinality as w (room_nid, after, up_to, most, call)
    cross join lateral (
      ${SELECT_EVENT}
      where e.position is not null and e.room_nid = w.room_nid
        and (e.room_nid, e.position) > (w.room_nid, w.after)
        and (e.room_nid, e.position) <= (w.room_nid, w.up_to)
      ${order} limit w.most
    ) as e`.execute(db);
  const timelines = ranges.map((): StoredEvent[] => []);
  // Each room's rows are in order among themselves: they come from the lateral query as it gave them.
  for (const row of rows) timelines[row.call - 1]?.push(readRow(row));
  return timelines;
}

/**
 * Timeline events of a room from a moment on, or before it, by `origin_server_ts`, nearest first. The index knows moments of some
 * 65 seconds; what lies in one of them is sorted here.
 */
export function listEventsNearTime(
  db: Db,
  range: {
    readonly roomNid: number;
    /** Milliseconds since the epoch. */
    readonly ts: number;
    readonly backwards: boolean;
    readonly offset: number;
    readonly limit: number;
  },
): Promise<StoredEvent[]> {
  const { roomNid, ts, backwards } = range;
  const [beyond, order] = backwards ? [sql`<=`, sql`desc`] : [sql`>=`, sql`asc`];
  return listEventsWhere(
    db,
    sql`e.room_nid = ${roomNid} and e.position is not null
      and e.origin_server_ts >> 16 ${beyond} ${ts}::bigint >> 16 and e.origin_server_ts ${beyond} ${ts}
      order by e.origin_server_ts >> 16 ${order}, e.origin_server_ts ${order}, e.position ${order}
      limit ${range.limit} offset ${range.offset}`,
  );
}

/** Everything that entered timelines after a position, by position: what wakes readers in other processes. */
export async function listRoomsChanged(
  db: Db,
  after: number,
  limit: number,
): Promise<{ roomNid: number; position: number }[]> {
  const { rows } = await sql<{ room_nid: number; position: number }>`
    select room_nid, position from events where position > ${after} order by position limit ${limit}`.execute(
    db,
  );
  return rows.map((row) => ({ roomNid: row.room_nid, position: row.position }));
}

/** Those of the ids that some accepted event cites in prev_events and that were missing then. */
export async function listCitedMissing(
  db: Db,
  roomNid: number,
  eventIds: readonly EventId[],
): Promise<EventId[]> {
  const { rows } = await sql<{ prev_event_id: EventId }>`
    select distinct prev_event_id from missing_prev_events
    where room_nid = ${roomNid} and prev_event_id = any(${eventIds}::text[])`.execute(db);
  return rows.map((row) => row.prev_event_id);
}

/** Hands out `count` fresh event ids: the first of them. */
export async function allotEventNids(db: Db, count: number): Promise<number[]> {
  const { rows } = await sql<{ nid: number }>`
    select nextval('event_nids') as nid from generate_series(1, ${count}::int)`.execute(db);
  return rows.map((row) => row.nid);
}

/** Who sent an event, for readers that need no more. */
export async function findEventSender(db: Db, eventId: EventId): Promise<UserId | undefined> {
  const { rows } = await sql<{ user_id: UserId }>`
    select u.user_id from events e join users u on u.user_nid = e.sender_nid
    where e.event_id = ${eventId}`.execute(db);
  return rows[0]?.user_id;
}
