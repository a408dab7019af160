import { sql } from 'kysely';
import { splitStateSlot, stateSlot, type StateSlot } from '../matrix/event.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { CacheUse, CountedCache } from '../util/counted-cache.ts';
import { readTogether } from './together.ts';
import type { Db } from './database.ts';
import { stateRootOf, type StateRoot } from './state-node.ts';
import { unpackJson } from './packed-json.ts';

export interface RoomTable {
  readonly room_nid: number;
  readonly room_id: RoomId;
  readonly room_version: string;
  readonly version: number;
  readonly state_root: Buffer;
  /** Interned ids of events. */
  readonly extremities: readonly number[];
}

export interface StateKeyTable {
  readonly state_key_nid: number;
  readonly type: string;
  readonly state_key: string;
}

export interface CurrentStateTable {
  readonly room_nid: number;
  readonly state_key_nid: number;
  readonly event_nid: number;
}

export interface RoomStateTable {
  readonly room_nid: number;
  readonly position: number;
  readonly state_root: Buffer;
}

export interface RoomTables {
  rooms: RoomTable;
  state_keys: StateKeyTable;
  current_state: CurrentStateTable;
  room_states: RoomStateTable;
}

/** A room as the pipeline starts from it. */
export interface StoredRoom {
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly roomVersion: string;
  readonly version: number;
  readonly stateRoot: StateRoot;
  readonly extremities: readonly {
    readonly eventNid: number;
    readonly eventId: EventId;
    readonly json: string;
  }[];
}

/** A room with its forward extremities, read at one moment; undefined when the server does not know it. */
export async function findRoom(db: Db, roomId: RoomId): Promise<StoredRoom | undefined> {
  const { rows } = await sql<
    Omit<RoomTable, 'extremities'> & {
      event_nid: number | null;
      event_id: EventId | null;
      json: Buffer | null;
    }
  >`
    select r.room_nid, r.room_id, r.room_version, r.version, r.state_root, e.event_nid, e.event_id, e.json
    from rooms r
    left join events e on e.event_nid = any(r.extremities)
    where r.room_id = ${roomId}`.execute(db);
  const [room] = rows;
  if (room === undefined) return undefined;
  const extremities = rows.flatMap((row) =>
    row.event_nid === null || row.event_id === null || row.json === null
      ? []
      : [{ eventNid: row.event_nid, eventId: row.event_id, json: unpackJson(row.json) }],
  );
  return {
    roomNid: room.room_nid,
    roomId: room.room_id,
    roomVersion: room.room_version,
    version: room.version,
    stateRoot: stateRootOf(room.state_root),
    extremities,
  };
}

/** The interned id of a room. */
export async function findRoomNid(db: Db, roomId: RoomId): Promise<number | undefined> {
  const { rows } = await sql<{
    room_nid: number;
  }>`select room_nid from rooms where room_id = ${roomId}`.execute(db);
  return rows[0]?.room_nid;
}

/** A fresh id for a room that is about to be made. */
export async function allotRoomNid(db: Db): Promise<number> {
  const { rows } = await sql<{ nid: number }>`select nextval('room_nids') as nid`.execute(db);
  const nid = rows[0]?.nid;
  if (nid === undefined) throw new Error('the sequence of room ids gave nothing');
  return nid;
}

/**
 * The current state events of some slots together with the room's version at that very moment, so that the caller
 * can tell whether they still belong to its snapshot. undefined when the room is not known.
 */
export async function listCurrentState(
  db: Db,
  roomNid: number,
  stateKeyNids: readonly number[],
): Promise<
  { version: number; entries: Map<number, { eventId: EventId; eventNid: number; json: string }> } | undefined
> {
  const { rows } = await sql<{
    version: number;
    state_key_nid: number | null;
    event_id: EventId;
    event_nid: number;
    json: Buffer;
  }>`
    select r.version, s.state_key_nid, e.event_id, e.event_nid, e.json
    from rooms r
    left join current_state s on s.room_nid = r.room_nid and s.state_key_nid = any(${stateKeyNids}::bigint[])
    left join events e on e.event_nid = s.event_nid
    where r.room_nid = ${roomNid}`.execute(db);
  const [room] = rows;
  if (room === undefined) return undefined;
  const entries = new Map<number, { eventId: EventId; eventNid: number; json: string }>();
  for (const row of rows) {
    if (row.state_key_nid === null) continue;
    entries.set(row.state_key_nid, {
      eventId: row.event_id,
      eventNid: row.event_nid,
      json: unpackJson(row.json),
    });
  }
  return { version: room.version, entries };
}

/** Every slot of the current state: interned event by interned state key. */
export async function listWholeState(db: Db, roomNid: number): Promise<Map<number, number>> {
  const { rows } = await sql<CurrentStateTable>`
    select room_nid, state_key_nid, event_nid from current_state where room_nid = ${roomNid}`.execute(db);
  return new Map(rows.map((row) => [row.state_key_nid, row.event_nid]));
}

/** The state root that was current at a stream position; undefined before the room's first event. */
export async function findStateRootAt(
  db: Db,
  roomNid: number,
  position: number,
): Promise<StateRoot | undefined> {
  const { rows } = await sql<{ state_root: Buffer }>`
    select state_root from room_states where room_nid = ${roomNid} and position <= ${position}
    order by position desc limit 1`.execute(db);
  return rows[0] === undefined ? undefined : stateRootOf(rows[0].state_root);
}

/** The states that a room had first, the oldest first. */
export async function listFirstStateRoots(db: Db, roomNid: number, most: number): Promise<StateRoot[]> {
  const { rows } = await sql<{ state_root: Buffer }>`
    select state_root from room_states where room_nid = ${roomNid} order by position limit ${most}`.execute(
    db,
  );
  return rows.map((row) => stateRootOf(row.state_root));
}

const CACHED_STATE_KEYS = 100_000;

const readStateKeys = readTogether(async (db, calls: readonly (readonly StateSlot[])[]) => {
  const pairs = [...new Set(calls.flat())].map(splitStateSlot);
  const { rows } = await sql<StateKeyTable>`
    select k.state_key_nid, k.type, k.state_key
    from unnest(${pairs.map((pair) => pair.type)}::text[], ${pairs.map((pair) => pair.stateKey)}::text[])
      as wanted (type, state_key)
    join state_keys k on k.type = wanted.type and k.state_key = wanted.state_key`.execute(db);
  const bySlot = new Map(rows.map((row) => [stateSlot(row.type, row.state_key), row]));
  return calls.map((slots) => slots.flatMap((slot) => bySlot.get(slot) ?? []));
});

/** Interns (type, state_key) pairs, both ways, through bounded caches: a pair's id never changes. */
export class StateKeys {
  readonly #db: Db;
  readonly cacheUse = new CacheUse();
  readonly #nids = new CountedCache<StateSlot, number>({ max: CACHED_STATE_KEYS }, this.cacheUse);
  readonly #slots = new CountedCache<number, StateSlot>({ max: CACHED_STATE_KEYS }, this.cacheUse);

  constructor(db: Db) {
    this.#db = db;
  }

  /** Ids of those slots that were ever used. */
  async find(slots: readonly StateSlot[]): Promise<Map<StateSlot, number>> {
    const found = new Map<StateSlot, number>();
    const missing: StateSlot[] = [];
    for (const slot of slots) {
      const nid = this.#nids.get(slot);
      if (nid === undefined) missing.push(slot);
      else found.set(slot, nid);
    }
    if (missing.length > 0) {
      const rows = await readStateKeys(this.#db, missing);
      for (const row of rows) found.set(this.#remember(row), row.state_key_nid);
    }
    return found;
  }

  /** Ids of all of the slots, made where they are new. */
  async intern(slots: readonly StateSlot[]): Promise<Map<StateSlot, number>> {
    const found = await this.find(slots);
    const pairs = [...new Set(slots)].filter((slot) => !found.has(slot)).map(splitStateSlot);
    if (pairs.length === 0) return found;
    await sql`
      insert into state_keys (type, state_key)
      select * from unnest(${pairs.map((pair) => pair.type)}::text[], ${pairs.map((pair) => pair.stateKey)}::text[])
      order by 1, 2
      on conflict do nothing`.execute(this.#db);
    return this.find(slots);
  }

  /** The slots behind ids. */
  async resolve(nids: readonly number[]): Promise<Map<number, StateSlot>> {
    const found = new Map<number, StateSlot>();
    const missing: number[] = [];
    for (const nid of nids) {
      const slot = this.#slots.get(nid);
      if (slot === undefined) missing.push(nid);
      else found.set(nid, slot);
    }
    if (missing.length > 0) {
      const { rows } = await sql<StateKeyTable>`
        select state_key_nid, type, state_key from state_keys
        where state_key_nid = any(${missing}::bigint[])`.execute(this.#db);
      for (const row of rows) found.set(row.state_key_nid, this.#remember(row));
    }
    return found;
  }

  #remember(row: StateKeyTable): StateSlot {
    const slot = stateSlot(row.type, row.state_key);
    this.#nids.set(slot, row.state_key_nid);
    this.#slots.set(row.state_key_nid, slot);
    return slot;
  }
}
