import { sql } from 'kysely';
import type { UserId, EventId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';
import { groupBy } from '../util/group-by.ts';
import { readTogether } from './together.ts';
import { listEventsWhere, type StoredEvent, type TimelineRange } from './events.ts';

/** An event whose children are asked for, and the last position that is looked at. */
export interface Parent {
  readonly eventId: EventId;
  readonly roomNid: number;
  readonly upTo: number;
}

/** What children are aggregated by. */
export type AggregatedType = 'm.replace' | 'm.thread' | 'm.reference';

/** Which of the events have children that are aggregated: cheap where there are none. */
export function listAggregated(db: Db, eventIds: readonly EventId[]): Promise<readonly Aggregated[]> {
  return eventIds.length === 0 ? Promise.resolve([]) : readAggregated(db, eventIds);
}

/** An event that has children of a kind. */
export interface Aggregated {
  readonly parentId: EventId;
  readonly relType: AggregatedType;
}

const readAggregated = readTogether(async (db, calls: readonly (readonly EventId[])[]) => {
  const wanted = [...new Set(calls.flat())];
  const { rows } = await sql<{ parent_id: EventId; rel_type: AggregatedType }>`
    select w.parent_id, t.rel_type
    from unnest(${wanted}::text[]) as w (parent_id)
    cross join (values ('m.replace'), ('m.thread'), ('m.reference')) as t (rel_type)
    where exists (select from relations r where r.parent_id = w.parent_id and r.rel_type = t.rel_type)`.execute(
    db,
  );
  const typesOf = groupBy(rows, (row) => row.parent_id);
  return calls.map((eventIds) =>
    [...new Set(eventIds)].flatMap((parentId): Aggregated[] =>
      (typesOf.get(parentId) ?? []).map((row) => ({ parentId, relType: row.rel_type })),
    ),
  );
});

/** By parent, children by interned id, the one that counts most first. */
export type ChildNids = ReadonlyMap<EventId, readonly number[]>;

interface ChildRow {
  readonly parent_id: EventId;
  readonly child_nid: number;
}

function groupChildren(rows: readonly ChildRow[]): ChildNids {
  const children = new Map<EventId, number[]>();
  for (const row of rows)
    children.set(row.parent_id, [...(children.get(row.parent_id) ?? []), row.child_nid]);
  return children;
}

/**
 * The newest few edits of each event: of its room, sender and type, and no state.
 * https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events
 */
export async function listEdits(db: Db, parents: readonly Parent[], limit: number): Promise<ChildNids> {
  if (parents.length === 0) return new Map();
  const { rows } = await sql<ChildRow>`
    select p.event_id as parent_id, c.child_nid
    from unnest(${parents.map((parent) => parent.eventId)}::text[], ${parents.map((parent) => parent.upTo)}::bigint[])
      as w (parent_id, up_to)
    join events p on p.event_id = w.parent_id
    cross join lateral (
      select r.child_nid, row_number() over (order by e.origin_server_ts desc, e.event_id collate "C" desc) as place
      from relations r join events e on e.event_nid = r.child_nid
      where r.parent_id = p.event_id and r.rel_type = 'm.replace' and r.position <= w.up_to
        and r.room_nid = p.room_nid and r.sender_nid = p.sender_nid and r.type = p.type and e.state_key_nid is null
    ) as c
    where c.place <= ${limit}
    order by c.place`.execute(db);
  return groupChildren(rows);
}

/** Whom children are aggregated for. */
export interface Aggregator {
  readonly userNid: number;
  /** Whose children do not count. */
  readonly ignored: readonly number[];
}

/** The first or the last few children of each event. */
export async function listNearest(
  db: Db,
  parents: readonly Parent[],
  relType: AggregatedType,
  options: { readonly limit: number; readonly newestFirst: boolean; readonly ignored: readonly number[] },
): Promise<ChildNids> {
  if (parents.length === 0) return new Map();
  const order = options.newestFirst ? sql`desc` : sql`asc`;
  const { rows } = await sql<ChildRow>`
    select w.parent_id, c.child_nid
    from ${parentsTable(parents)}
    cross join lateral (
      select r.child_nid, r.position from relations r
      where r.parent_id = w.parent_id and r.rel_type = ${relType} and r.position <= w.up_to
        and r.room_nid = w.room_nid and r.sender_nid <> all(${options.ignored}::bigint[])
      order by r.position ${order} limit ${options.limit}
    ) as c
    order by c.position ${order}`.execute(db);
  return groupChildren(rows);
}

/** How long a thread is, and whether the reader has a part in it. */
export interface ThreadCount {
  readonly count: number;
  readonly hasReplied: boolean;
}

/** The threads that start at some events. */
export async function countThreads(
  db: Db,
  parents: readonly Parent[],
  reader: Aggregator,
): Promise<Map<EventId, ThreadCount>> {
  if (parents.length === 0) return new Map();
  const { rows } = await sql<{ parent_id: EventId; count: number; has_replied: boolean | null }>`
    select w.parent_id, s.count, s.has_replied
    from ${parentsTable(parents)}
    cross join lateral (
      select count(*) as count, bool_or(r.sender_nid = ${reader.userNid}) as has_replied from relations r
      where r.parent_id = w.parent_id and r.rel_type = 'm.thread' and r.position <= w.up_to
        and r.room_nid = w.room_nid and r.sender_nid <> all(${reader.ignored}::bigint[])
    ) as s`.execute(db);
  return new Map(
    rows.map((row) => [row.parent_id, { count: row.count, hasReplied: row.has_replied ?? false }]),
  );
}

function parentsTable(parents: readonly Parent[]): ReturnType<typeof sql> {
  return sql`unnest(
    ${parents.map((parent) => parent.eventId)}::text[],
    ${parents.map((parent) => parent.roomNid)}::bigint[],
    ${parents.map((parent) => parent.upTo)}::bigint[]) as w (parent_id, room_nid, up_to)`;
}

/** Which children of an event are wanted. */
export interface ChildrenFilter {
  readonly parentId: EventId;
  readonly relType: string | undefined;
  readonly type: string | undefined;
  /** How many relations may lie between child and parent: 1 for children only. */
  readonly depth: number;
}

/** Children of an event in a stretch of the timeline; with more depth, children of children too. */
export function listChildren(db: Db, range: TimelineRange, filter: ChildrenFilter): Promise<StoredEvent[]> {
  const { roomNid, after, upTo, limit } = range;
  const order = range.newestFirst ? sql`desc` : sql`asc`;
  const related =
    filter.depth === 1
      ? sql`select * from relations where parent_id = ${filter.parentId} and room_nid = ${roomNid}`
      : sql`
          with recursive related as (
            select r.*, 1 as depth from relations r
            where r.parent_id = ${filter.parentId} and r.room_nid = ${roomNid}
            union all
            select r.*, related.depth + 1 from related
            join events e on e.event_nid = related.child_nid
            join relations r on r.parent_id = e.event_id and r.room_nid = ${roomNid}
            where related.depth < ${filter.depth}
          )
          select * from related`;
  return listEventsWhere(
    db,
    sql`e.event_nid in (
        select c.child_nid from (${related}) as c
        where c.position > ${after} and c.position <= ${upTo}
          and (${filter.relType ?? null}::text is null or c.rel_type = ${filter.relType ?? null})
          and (${filter.type ?? null}::text is null or c.type = ${filter.type ?? null})
        order by c.position ${order} limit ${limit})
      order by e.position ${order}`,
  );
}

/** A stretch of the threads of a room. */
export interface ThreadRange {
  readonly roomNid: number;
  /** Replies after it do not count. */
  readonly lastReply: number;
  /** Threads whose last reply is newer are left out. */
  readonly upTo: number;
  readonly limit: number;
  readonly onlyParticipated: boolean;
}

/** The roots of threads with the position of their last reply, the latest first. */
export async function listThreadRoots(
  db: Db,
  range: ThreadRange,
  reader: Aggregator,
): Promise<{ readonly rootNid: number; readonly lastReply: number }[]> {
  const { rows } = await sql<{ event_nid: number; last_reply: number }>`
    select p.event_nid, t.last_reply
    from (
      select r.parent_id, max(r.position) as last_reply, bool_or(r.sender_nid = ${reader.userNid}) as has_replied
      from relations r
      where r.room_nid = ${range.roomNid} and r.rel_type = 'm.thread' and r.position <= ${range.lastReply}
        and r.sender_nid <> all(${reader.ignored}::bigint[])
      group by r.parent_id
    ) as t
    join events p on p.event_id = t.parent_id and p.room_nid = ${range.roomNid}
    where t.last_reply <= ${range.upTo}
      and (not ${range.onlyParticipated}::boolean or t.has_replied or p.sender_nid = ${reader.userNid})
      and not exists (select from relations own where own.child_nid = p.event_nid)
    order by t.last_reply desc limit ${range.limit}`.execute(db);
  return rows.map((row) => ({ rootNid: row.event_nid, lastReply: row.last_reply }));
}

/** Whether a user has annotated an event by the same key with an event of the same type. */
export async function hasAnnotated(
  db: Db,
  annotation: {
    readonly parentId: EventId;
    readonly sender: UserId;
    readonly type: string;
    readonly key: string;
  },
): Promise<boolean> {
  const { rows } = await sql`
    select 1 from relations
    where parent_id = ${annotation.parentId} and rel_type = 'm.annotation'
      and sender_nid = (select user_nid from users where user_id = ${annotation.sender}) and type = ${annotation.type}
      and aggregation_key = ${annotation.key}
    limit 1`.execute(db);
  return rows.length > 0;
}
