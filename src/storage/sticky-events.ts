import { sql } from 'kysely';
import type { Db } from './database.ts';
import { listEventsWhere, type StoredEvent } from './events.ts';
import { readTogether } from './together.ts';

export interface StickyEventTable {
  readonly event_nid: number;
  readonly room_nid: number;
  readonly sender_nid: number;
  readonly position: number | null;
  readonly expires_ts: number;
}

export interface StickyEventTables {
  sticky_events: StickyEventTable;
}

/** An event that is sticky, and its place in the stream. */
export interface StickyEvent {
  readonly eventNid: number;
  readonly roomNid: number;
  readonly position: number;
}

/** `after < position <= upTo`, sticky at `nowMs`; without `limit` all of them. */
export interface StickyRange {
  readonly roomNids: readonly number[];
  readonly after: number;
  readonly upTo: number;
  readonly nowMs: number;
  readonly limit?: number;
}

/** The sticky events of some rooms in a range of the stream, oldest first. */
export function listStickyEvents(db: Db, range: StickyRange): Promise<readonly StickyEvent[]> {
  return range.roomNids.length === 0 ? Promise.resolve([]) : readSticky(db, range);
}

const readSticky = readTogether(async (db, ranges: readonly StickyRange[]) => {
  const wanted = ranges.flatMap(({ roomNids, after, upTo, nowMs, limit }, call) =>
    roomNids.map((roomNid) => ({ call, roomNid, after, upTo, nowMs, limit })),
  );
  const { rows } = await sql<{ call: number; event_nid: number; room_nid: number; position: number }>`
    select w.call, s.event_nid, s.room_nid, s.position
    from unnest(
      ${wanted.map((one) => one.call)}::int[], ${wanted.map((one) => one.roomNid)}::bigint[],
      ${wanted.map((one) => one.after)}::bigint[], ${wanted.map((one) => one.upTo)}::bigint[],
      ${wanted.map((one) => one.nowMs)}::bigint[], ${wanted.map((one) => one.limit ?? null)}::bigint[]
    ) as w (call, room_nid, after, up_to, now_ms, most)
    cross join lateral (
      select event_nid, room_nid, position from sticky_events
      where room_nid = w.room_nid and position > w.after and position <= w.up_to and expires_ts > w.now_ms
      order by position limit w.most
    ) as s
    order by s.position`.execute(db);
  const found = ranges.map((): StickyEvent[] => []);
  for (const row of rows) {
    const events = found[row.call];
    if (events === undefined || events.length >= (ranges[row.call]?.limit ?? Infinity)) continue;
    events.push({ eventNid: row.event_nid, roomNid: row.room_nid, position: row.position });
  }
  return found;
});

/** Until when those of the events are sticky that are, in milliseconds since the epoch. */
export async function findStickyExpiries(
  db: Db,
  eventNids: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  if (eventNids.length === 0) return new Map();
  const { rows } = await sql<{ event_nid: number; expires_ts: number }>`
    select event_nid, expires_ts from sticky_events
    where event_nid = any(${eventNids}::bigint[]) and position is not null`.execute(db);
  return new Map(rows.map((row) => [row.event_nid, row.expires_ts]));
}

/** Events that would be sticky had they not been soft-failed, oldest first: of some senders in a room, or all there are. */
export function listSoftFailedSticky(
  db: Db,
  where: { readonly roomNid: number; readonly senderNids: readonly number[] } | undefined,
  nowMs: number,
  limit: number,
): Promise<StoredEvent[]> {
  const picked =
    where === undefined
      ? sql`true`
      : sql`s.room_nid = ${where.roomNid} and s.sender_nid = any(${where.senderNids}::bigint[])`;
  return listEventsWhere(
    db,
    sql`e.event_nid in (
      select s.event_nid from sticky_events s
      where s.position is null and s.expires_ts > ${nowMs} and ${picked} order by s.event_nid limit ${limit}
    ) order by e.event_nid`,
  );
}

/** Forgets what is sticky no more. */
export async function deleteExpiredSticky(db: Db, nowMs: number): Promise<void> {
  await sql`delete from sticky_events where expires_ts <= ${nowMs}`.execute(db);
}
