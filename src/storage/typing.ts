import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

export interface TypingTable {
  readonly room_nid: number;
  readonly user_nid: number;
  readonly expires_ts: number;
}

export interface TypingChangeTable {
  readonly room_nid: number;
  readonly position: number;
}

export interface TypingTables {
  typing: TypingTable;
  typing_changes: TypingChangeTable;
}

/** Lets somebody who is typing go on until `expiresTs`; false when they are not typing. */
export async function extendTyping(
  db: Db,
  typer: { readonly roomNid: number; readonly userNid: number; readonly expiresTs: number },
  nowMs: number,
): Promise<boolean> {
  const { rows } = await sql`
    update typing set expires_ts = ${typer.expiresTs}
    where room_nid = ${typer.roomNid} and user_nid = ${typer.userNid} and expires_ts > ${nowMs}
    returning 1`.execute(db);
  return rows.length > 0;
}

/** Whether somebody is on the list of who types in a room, their time over or not. */
export async function isListedTyping(db: Db, roomNid: number, userNid: number): Promise<boolean> {
  const { rows } = await sql`
    select from typing where room_nid = ${roomNid} and user_nid = ${userNid}`.execute(db);
  return rows.length > 0;
}

/** Notes that somebody has begun to type. */
export async function insertTyping(
  tx: Tx,
  typer: { readonly roomNid: number; readonly userNid: number; readonly expiresTs: number },
  position: number,
): Promise<void> {
  await sql`
    insert into typing (room_nid, user_nid, expires_ts)
    values (${typer.roomNid}, ${typer.userNid}, ${typer.expiresTs})
    on conflict (room_nid, user_nid) do update set expires_ts = excluded.expires_ts`.execute(tx);
  await noteChange(tx, [typer.roomNid], position);
}

/** Notes that somebody has stopped typing. */
export async function deleteTyping(
  tx: Tx,
  typer: { readonly roomNid: number; readonly userNid: number },
  position: number,
): Promise<void> {
  await sql`
    delete from typing where room_nid = ${typer.roomNid} and user_nid = ${typer.userNid}`.execute(tx);
  await noteChange(tx, [typer.roomNid], position);
}

/** Ends the typing of all whose time is over; the answer is the rooms where somebody's was. */
export async function deleteExpiredTyping(tx: Tx, nowMs: number, position: number): Promise<number[]> {
  const { rows } = await sql<{ room_nid: number }>`
    delete from typing where expires_ts <= ${nowMs} returning room_nid`.execute(tx);
  const roomNids = [...new Set(rows.map((row) => row.room_nid))];
  await noteChange(tx, roomNids, position);
  return roomNids;
}

/** When the time of the next typer is over. */
export async function findNextTypingExpiry(db: Db): Promise<number | undefined> {
  const { rows } = await sql<{ next: number | null }>`select min(expires_ts) as next from typing`.execute(db);
  return rows[0]?.next ?? undefined;
}

/** Those of the rooms in which the list of typers changed in `(after, upTo]`. */
export async function listTypingChanges(
  db: Db,
  roomNids: readonly number[],
  after: number,
  upTo: number,
): Promise<number[]> {
  if (roomNids.length === 0) return [];
  const { rows } = await sql<TypingChangeTable>`
    select room_nid from typing_changes
    where room_nid = any(${roomNids}::bigint[]) and position > ${after} and position <= ${upTo}`.execute(db);
  return rows.map((row) => row.room_nid);
}

/** Who is in some rooms and types there now, in the order of names. */
export async function listTypers(
  db: Db,
  roomNids: readonly number[],
  nowMs: number,
): Promise<{ readonly roomNid: number; readonly userNid: number; readonly userId: UserId }[]> {
  if (roomNids.length === 0) return [];
  const { rows } = await sql<TypingTable & { user_id: UserId }>`
    select t.room_nid, t.user_nid, u.user_id
    from typing t
    join memberships m on m.room_nid = t.room_nid and m.user_nid = t.user_nid and m.membership = 'join'
    join users u on u.user_nid = t.user_nid
    where t.room_nid = any(${roomNids}::bigint[]) and t.expires_ts > ${nowMs}
    order by u.user_id`.execute(db);
  return rows.map((row) => ({ roomNid: row.room_nid, userNid: row.user_nid, userId: row.user_id }));
}

async function noteChange(tx: Tx, roomNids: readonly number[], position: number): Promise<void> {
  await sql`
    insert into typing_changes (room_nid, position)
    select room_nid, ${position}::bigint from unnest(${roomNids}::bigint[]) as changed (room_nid)
    on conflict (room_nid) do update set position = excluded.position`.execute(tx);
}
