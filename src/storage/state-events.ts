import { sql } from 'kysely';
import type { Db } from './database.ts';
import { listEventsByNid, listEventsWhere, type StoredEvent } from './events.ts';
import { unpackJson } from './packed-json.ts';

/** The events of a room's current state, all of them or those of one type, in no order. */
export function listCurrentStateEvents(db: Db, roomNid: number, type?: string): Promise<StoredEvent[]> {
  // An array, so that events are looked up one by one, whatever the statistics say.
  return listEventsWhere(db, sql`e.event_nid = any(array(${currentNids(roomNid, type)}))`);
}

function currentNids(roomNid: number, type: string | undefined) {
  if (type === undefined) return sql`select event_nid from current_state where room_nid = ${roomNid}`;
  // A room may have much other state.
  if (type === 'm.room.member') return sql`select event_nid from memberships where room_nid = ${roomNid}`;
  return sql`
    select s.event_nid from current_state s join state_keys k on k.state_key_nid = s.state_key_nid
    where s.room_nid = ${roomNid} and k.type = ${type}`;
}

/** Those of the events that are of a type, or all, in no order. */
export function listEventsOfType(
  db: Db,
  eventNids: readonly number[],
  type: string | undefined,
): Promise<StoredEvent[]> {
  if (type === undefined) return listEventsByNid(db, eventNids);
  return listEventsWhere(db, sql`e.event_nid = any(${eventNids}::bigint[]) and e.type = ${type}`);
}

/** The events that hold some slots of a room's current state, in no order. */
export function listCurrentStateEventsIn(
  db: Db,
  roomNid: number,
  stateKeyNids: readonly number[],
): Promise<StoredEvent[]> {
  if (stateKeyNids.length === 0) return Promise.resolve([]);
  return listEventsWhere(
    db,
    sql`e.event_nid = any(array(
      select event_nid from current_state
      where room_nid = ${roomNid} and state_key_nid = any(${stateKeyNids}::bigint[])))`,
  );
}

const LONGEST_CHAIN = 200;

/** One of a row of state events that replaced each other. */
export interface ChainLink {
  readonly eventNid: number;
  readonly position: number | undefined;
  readonly json: string;
}

/** A state event and what it replaced, back and back, newest first; at most a few hundred. */
export async function listReplacedChain(db: Db, eventNid: number): Promise<ChainLink[]> {
  const { rows } = await sql<{ event_nid: number; position: number | null; json: Buffer }>`
    with recursive chain as (
      select event_nid, replaces_nid, position, json, 1 as length from events where event_nid = ${eventNid}
      union all
      select e.event_nid, e.replaces_nid, e.position, e.json, chain.length + 1
      from chain join events e on e.event_nid = chain.replaces_nid
      where chain.length < ${LONGEST_CHAIN}
    )
    select event_nid, position, json from chain order by length`.execute(db);
  return rows.map((row) => ({
    eventNid: row.event_nid,
    position: row.position ?? undefined,
    json: unpackJson(row.json),
  }));
}
