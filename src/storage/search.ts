import { sql, type RawBuilder } from 'kysely';
import type { Db, Tx } from './database.ts';
import { unpackJson } from './packed-json.ts';

export interface SearchProgressTable {
  readonly one: boolean;
  readonly position: number;
  readonly oldest: number;
}

export interface SearchableTextTable {
  readonly position: number;
  readonly shown_position: number | null;
  readonly key: string | null;
  readonly vector: string;
}

export interface SearchTables {
  search_progress: SearchProgressTable;
  searchable_texts: SearchableTextTable;
}

/** Positions in `[oldest, position]` were looked at, where `oldest` is negative or 0. */
export interface SearchProgress {
  readonly position: number;
  readonly oldest: number;
}

/** Whether any event up to a position, or any backfilled one, has not been looked at. */
export async function isSearchBehind(db: Db, upTo: number): Promise<boolean> {
  const { rows } = await sql<{ behind: boolean }>`
    select position < ${upTo} or exists (select from events e where e.position < p.oldest) as behind
    from search_progress p`.execute(db);
  return rows[0]?.behind ?? false;
}

/** Waits until nobody else extends what can be searched. Held until the transaction ends. */
export async function lockSearchProgress(tx: Tx): Promise<SearchProgress> {
  const { rows } = await sql<SearchProgress>`
    select position, oldest from search_progress for update`.execute(tx);
  if (rows[0] === undefined) throw new Error('the row of search_progress is missing');
  return rows[0];
}

/** Says what was looked at; {@link lockSearchProgress} comes first. */
export async function setSearchProgress(tx: Tx, progress: SearchProgress): Promise<void> {
  await sql`update search_progress set position = ${progress.position}, oldest = ${progress.oldest}`.execute(
    tx,
  );
}

/** The lowest position that any event has, which is negative once there are backfilled ones; 0 when there is none. */
export async function findOldestPosition(db: Db): Promise<number> {
  const { rows } = await sql<{ oldest: number | null }>`select min(position) as oldest from events`.execute(
    db,
  );
  return rows[0]?.oldest ?? 0;
}

/** An event whose text may be searched for. */
export interface EventToIndex {
  readonly eventNid: number;
  readonly roomNid: number;
  readonly senderNid: number;
  readonly position: number;
  readonly type: string;
  readonly json: string;
  /** The event that it edits; undefined when it is no valid edit of an event that is here. */
  readonly edited: { readonly eventNid: number; readonly position: number } | undefined;
}

interface EventToIndexRow {
  readonly event_nid: number;
  readonly room_nid: number;
  readonly sender_nid: number;
  readonly position: number;
  readonly type: string;
  readonly json: Buffer;
  readonly edited_nid: number | null;
  readonly edited_position: number | null;
}

/** Timeline events of some types in `(after, upTo]` that are not redacted, at most `limit`, from one end of the range. */
export async function listEventsToIndex(
  tx: Tx,
  range: {
    readonly after: number;
    readonly upTo: number;
    readonly limit: number;
    readonly newestFirst: boolean;
  },
  types: readonly string[],
): Promise<EventToIndex[]> {
  const order = range.newestFirst ? sql`desc` : sql`asc`;
  const { rows } = await sql<EventToIndexRow>`
    select e.event_nid, e.room_nid, e.sender_nid, e.position, e.type, e.json,
      p.event_nid as edited_nid, p.position as edited_position
    from (
      select * from events
      where position > ${range.after} and position <= ${range.upTo} and type = any(${types}::text[])
        and redacted_by_nid is null
      order by position ${order} limit ${range.limit}
    ) as e
    left join relations r on r.child_nid = e.event_nid and r.rel_type = 'm.replace'
    left join events p on p.event_id = r.parent_id and p.room_nid = e.room_nid and p.sender_nid = e.sender_nid
      and p.type = e.type and p.state_key_nid is null and e.state_key_nid is null and p.position is not null
      and not exists (select from relations o where o.child_nid = p.event_nid and o.rel_type = 'm.replace')
    order by e.position ${order}`.execute(tx);
  return rows.map((row) => ({
    eventNid: row.event_nid,
    roomNid: row.room_nid,
    senderNid: row.sender_nid,
    position: row.position,
    type: row.type,
    json: unpackJson(row.json),
    edited:
      row.edited_nid === null || row.edited_position === null
        ? undefined
        : { eventNid: row.edited_nid, position: row.edited_position },
  }));
}

/** Stores what events are found by; {@link lockSearchProgress} comes first. */
export async function insertSearchableTexts(tx: Tx, texts: readonly SearchableTextTable[]): Promise<void> {
  if (texts.length === 0) return;
  await sql`
    insert into searchable_texts (position, shown_position, key, vector)
    select position, shown_position, key, vector::tsvector
    from unnest(
      ${texts.map((text) => text.position)}::bigint[], ${texts.map((text) => text.shown_position)}::bigint[],
      ${texts.map((text) => text.key)}::text[], ${texts.map((text) => text.vector)}::text[]
    ) as t (position, shown_position, key, vector)
    on conflict do nothing`.execute(tx);
}

/** Forgets the texts of what redactions in `(after, upTo]` were applied to, edits included. */
export async function deleteRedactedTexts(tx: Tx, after: number, upTo: number): Promise<void> {
  await sql`
    with redacted as materialized (
      select array(
        select t.position from events r join events t on t.event_id = r.redacts
        where r.position > ${after} and r.position <= ${upTo} and r.redacts is not null
          and t.redacted_by_nid is not null and t.position is not null
      ) as positions
    )
    delete from searchable_texts
    where position = any(array(
      select unnest(positions) from redacted
      union all
      select s.position from redacted, searchable_texts s
      where s.shown_position is not null and s.shown_position = any(redacted.positions)
    ))`.execute(tx);
}

/** A place in the results of a search: right at a hit. */
export interface HitPlace {
  readonly rank: number;
  /** That of the event that is shown. */
  readonly position: number;
  /** That of the event that holds the text. */
  readonly textPosition: number;
}

/** A text that fits a search. */
export interface Hit extends HitPlace {
  readonly eventNid: number;
  readonly shownNid: number;
}

/** What is searched for and where. */
export interface HitQuery {
  /** A tsquery that decides what fits. */
  readonly fits: string;
  /** A tsquery that decides how well. */
  readonly ranks: string;
  /** undefined where `fits` asks for them. */
  readonly roomNids: readonly number[] | undefined;
  /** undefined for anybody. */
  readonly senderNids: readonly number[] | undefined;
  readonly keys: readonly string[];
  /** `rank`: what fits best, and of equals the oldest, first. `recent`: the newest first. */
  readonly order: 'rank' | 'recent';
}

/** Texts that fit, in order, from right after a place on. Does not judge who may see them. */
export async function listHits(
  db: Db,
  query: HitQuery,
  after: HitPlace | undefined,
  limit: number,
): Promise<Hit[]> {
  const order = query.order === 'rank' ? sql`h.rank desc, h.shown, h.held` : sql`h.shown desc, h.held desc`;
  const { rows } = await sql<HitRow>`
    select h.*, holder.event_nid, edited.event_nid as edited_nid
    from (
      select * from (${textsThatFit(query)}) as h
      where ${after === undefined ? sql`true` : beyond(query.order, after)}
      order by ${order} limit ${limit}
    ) as h
    join events holder on holder.position = h.held
    left join events edited on edited.position = h.shown and h.shown <> h.held
    order by ${order}`.execute(db);
  return rows.map((row) => ({
    eventNid: row.event_nid,
    shownNid: row.edited_nid ?? row.event_nid,
    position: row.shown,
    textPosition: row.held,
    rank: row.rank,
  }));
}

interface HitRow {
  readonly held: number;
  readonly shown: number;
  readonly rank: number;
  readonly event_nid: number;
  readonly edited_nid: number | null;
}

function textsThatFit(query: HitQuery): RawBuilder<unknown> {
  return sql`
    select s.position as held, coalesce(s.shown_position, s.position) as shown,
      ts_rank_cd(s.vector, ${query.ranks}::tsquery, 1)::float8 as rank
    from searchable_texts s
    where s.vector @@ ${query.fits}::tsquery and coalesce(s.key, 'content.body') = any(${query.keys}::text[])
      and ${isSentIn(query)}
    ${query.order === 'rank' ? RANK_ONCE : sql``}`;
}

/** Keeps PostgreSQL from working out a rank wherever it is spoken of. By recency it does so only for those on the page. */
const RANK_ONCE = sql`offset 0`;

/** One look at the event, where there is anything to ask it. */
function isSentIn({ roomNids, senderNids }: HitQuery): RawBuilder<unknown> {
  const conditions = [
    ...(roomNids === undefined ? [] : [sql`e.room_nid = any(${roomNids}::bigint[])`]),
    ...(senderNids === undefined ? [] : [sql`e.sender_nid = any(${senderNids}::bigint[])`]),
  ];
  if (conditions.length === 0) return sql`true`;
  return sql`exists (
    select from events e where e.position = s.position and ${sql.join(conditions, sql` and `)}
  )`;
}

function beyond(order: HitQuery['order'], place: HitPlace): RawBuilder<unknown> {
  const { rank, position, textPosition } = place;
  return order === 'rank'
    ? sql`(-h.rank, h.shown, h.held) > (${-rank}::float8, ${position}::bigint, ${textPosition}::bigint)`
    : sql`(h.shown, h.held) < (${position}::bigint, ${textPosition}::bigint)`;
}
