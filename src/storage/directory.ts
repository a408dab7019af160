import { sql } from 'kysely';
import type { RoomAlias, RoomId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

export interface RoomAliasTable {
  readonly alias: RoomAlias;
  readonly room_nid: number | null;
  readonly creator_nid: number;
  readonly created_ts: number;
}

export interface PublishedRoomTable {
  readonly room_nid: number;
  readonly published_ts: number;
}

export interface DirectoryTables {
  room_aliases: RoomAliasTable;
  published_rooms: PublishedRoomTable;
}

/** A reservation whose room was not made by then never will be. */
const RESERVATION_MS = 60_000;

/** An alias that leads to a room. */
export interface StoredAlias {
  readonly alias: RoomAlias;
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly creatorNid: number;
}

interface NewAlias {
  readonly alias: RoomAlias;
  /** undefined reserves the alias for a room that is about to be made. */
  readonly roomNid: number | undefined;
  readonly creatorNid: number;
}

/** Makes an alias; false when it is taken. */
export async function insertAlias(db: Db, alias: NewAlias, nowMs: number): Promise<boolean> {
  const { rows } = await sql`
    insert into room_aliases (alias, room_nid, creator_nid, created_ts)
    values (${alias.alias}, ${alias.roomNid ?? null}, ${alias.creatorNid}, ${nowMs})
    on conflict (alias) do update
      set room_nid = excluded.room_nid, creator_nid = excluded.creator_nid, created_ts = excluded.created_ts
      where room_aliases.room_nid is null and room_aliases.created_ts < ${nowMs - RESERVATION_MS}
    returning 1`.execute(db);
  return rows.length > 0;
}

/** Lets a reserved alias lead to the room that was made. */
export async function pointAlias(
  db: Db,
  alias: RoomAlias,
  creatorNid: number,
  roomId: RoomId,
): Promise<void> {
  await sql`
    update room_aliases set room_nid = (select room_nid from rooms where room_id = ${roomId})
    where alias = ${alias} and creator_nid = ${creatorNid} and room_nid is null`.execute(db);
}

/** Gives up a reservation. */
export async function releaseAlias(db: Db, alias: RoomAlias, creatorNid: number): Promise<void> {
  await sql`
    delete from room_aliases
    where alias = ${alias} and creator_nid = ${creatorNid} and room_nid is null`.execute(db);
}

/** Where an alias of this server leads. */
export async function findAlias(db: Db, alias: RoomAlias): Promise<StoredAlias | undefined> {
  const { rows } = await sql<{ room_nid: number; room_id: RoomId; creator_nid: number }>`
    select r.room_nid, r.room_id, a.creator_nid
    from room_aliases a join rooms r on r.room_nid = a.room_nid
    where a.alias = ${alias}`.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  return { alias, roomNid: row.room_nid, roomId: row.room_id, creatorNid: row.creator_nid };
}

/** Deletes an alias; false when it led nowhere. */
export async function deleteAlias(db: Db, alias: RoomAlias): Promise<boolean> {
  const { rows } = await sql`
    delete from room_aliases where alias = ${alias} and room_nid is not null returning 1`.execute(db);
  return rows.length > 0;
}

/** The aliases of this server that lead to a room, in order. */
export async function listAliases(db: Db, roomNid: number): Promise<RoomAlias[]> {
  const { rows } = await sql<{ alias: RoomAlias }>`
    select alias from room_aliases where room_nid = ${roomNid} order by alias`.execute(db);
  return rows.map((row) => row.alias);
}

/** Lets the aliases of one room lead to another, which takes its place in the directory too. */
export async function moveNames(db: Db, fromNid: number, toNid: number): Promise<void> {
  await sql`
    with moved as (
      update room_aliases set room_nid = ${toNid} where room_nid = ${fromNid}
    ), unpublished as (
      delete from published_rooms where room_nid = ${fromNid} returning published_ts
    )
    insert into published_rooms (room_nid, published_ts) select ${toNid}::bigint, published_ts from unpublished
    on conflict do nothing`.execute(db);
}

/** Puts a room into the directory or takes it out. */
export async function setPublished(
  db: Db,
  roomNid: number,
  published: boolean,
  nowMs: number,
): Promise<void> {
  await (
    published
      ? sql`insert into published_rooms (room_nid, published_ts) values (${roomNid}, ${nowMs}) on conflict do nothing`
      : sql`delete from published_rooms where room_nid = ${roomNid}`
  ).execute(db);
}

/** Whether a room is in the directory. */
export async function isPublished(db: Db, roomNid: number): Promise<boolean> {
  const { rows } = await sql`select 1 from published_rooms where room_nid = ${roomNid}`.execute(db);
  return rows.length > 0;
}
