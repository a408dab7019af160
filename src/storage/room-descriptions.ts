import { sql, type RawBuilder } from 'kysely';
import type { RoomId } from '../matrix/identifiers.ts';
import type { ThirdPartyInstance } from '../matrix/third-party-instance.ts';
import type { Db } from './database.ts';
import { listEventsWhere, type StoredEvent } from './events.ts';

/** The current state events of some slots in many rooms, in no order. */
export function listCurrentStateOfRooms(
  db: Db,
  roomNids: readonly number[],
  stateKeyNids: readonly number[],
): Promise<StoredEvent[]> {
  if (roomNids.length === 0 || stateKeyNids.length === 0) return Promise.resolve([]);
  return listEventsWhere(
    db,
    sql`e.event_nid in (
      select event_nid from current_state
      where room_nid = any(${roomNids}::bigint[]) and state_key_nid = any(${stateKeyNids}::bigint[]))`,
  );
}

/** How many are in each of the rooms. */
export async function countJoined(db: Db, roomNids: readonly number[]): Promise<Map<number, number>> {
  if (roomNids.length === 0) return new Map();
  const { rows } = await sql<{ room_nid: number; joined: number }>`
    select room_nid, count(*) as joined from memberships
    where room_nid = any(${roomNids}::bigint[]) and membership = 'join'
    group by room_nid`.execute(db);
  return new Map(rows.map((row) => [row.room_nid, row.joined]));
}

/** The interned ids of those of the rooms that are here. */
export async function findRoomNids(db: Db, roomIds: readonly RoomId[]): Promise<Map<RoomId, number>> {
  if (roomIds.length === 0) return new Map();
  const { rows } = await sql<{ room_id: RoomId; room_nid: number }>`
    select room_id, room_nid from rooms where room_id = any(${roomIds}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.room_id, row.room_nid]));
}

/** A place in the directory, which is ordered by size and then by age. */
export interface DirectoryPlace {
  readonly joined: number;
  readonly roomNid: number;
}

/** Which directory: this server's own, that of a network, or all of them together. */
export type WhichDirectory = 'own' | 'all' | ThirdPartyInstance;

/** Published rooms with somebody in them after a place of the directory, or before it, nearest first. */
export async function listPublished(
  db: Db,
  range: {
    readonly directory: WhichDirectory;
    readonly from: DirectoryPlace | undefined;
    readonly backwards: boolean;
    readonly limit: number;
  },
): Promise<DirectoryPlace[]> {
  const { directory, from, backwards, limit } = range;
  const beyond =
    from === undefined
      ? sql`true`
      : backwards
        ? sql`(joined, -room_nid) > (${from.joined}::bigint, ${-from.roomNid}::bigint)`
        : sql`(joined, -room_nid) < (${from.joined}::bigint, ${-from.roomNid}::bigint)`;
  const order = backwards ? sql`joined, room_nid desc` : sql`joined desc, room_nid`;
  const { rows } = await sql<{ joined: number; room_nid: number }>`
    select joined, room_nid from (
      select p.room_nid, count(*) as joined
      from (${roomsIn(directory)}) p join memberships m on m.room_nid = p.room_nid and m.membership = 'join'
      group by p.room_nid
    ) as published
    where ${beyond} order by ${order} limit ${limit}`.execute(db);
  return rows.map((row) => ({ joined: row.joined, roomNid: row.room_nid }));
}

function roomsIn(directory: WhichDirectory): RawBuilder<unknown> {
  if (directory === 'own') return sql`select room_nid from published_rooms`;
  if (directory === 'all')
    return sql`select room_nid from published_rooms union select room_nid from network_rooms`;
  const { appserviceId, networkId } = directory;
  return sql`
    select room_nid from network_rooms where appservice_id = ${appserviceId} and network_id = ${networkId}`;
}

/** How many rooms are published, those included that nobody is in any more. */
export async function countPublished(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from published_rooms`.execute(db);
  return rows[0]?.count ?? 0;
}
