import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

/**
 * Users who share a room with `userNid` now, or are that user, and whose device list or cross-signing keys changed in
 * `(since, upTo]`.
 */
export async function listSharersWithChanges(
  db: Db,
  userNid: number,
  since: number,
  upTo: number,
): Promise<UserId[]> {
  const { rows } = await sql<{ user_id: UserId }>`
    select u.user_id
    from (
      select distinct user_nid from device_list_changes where position > ${since} and position <= ${upTo}
    ) as changed
    join users u on u.user_nid = changed.user_nid
    where changed.user_nid = ${userNid} or exists (
      select from memberships mine join memberships theirs on theirs.room_nid = mine.room_nid
      where mine.user_nid = ${userNid} and mine.membership = 'join'
        and theirs.user_nid = changed.user_nid and theirs.membership = 'join')
    order by u.user_nid`.execute(db);
  return rows.map((row) => row.user_id);
}

/** Who of `userIds` is joined to which of the rooms. */
export async function listJoinsOf(
  db: Db,
  userIds: readonly UserId[],
  roomNids: readonly number[],
): Promise<{ readonly userId: UserId; readonly roomNid: number }[]> {
  if (userIds.length === 0 || roomNids.length === 0) return [];
  const { rows } = await sql<{ user_id: UserId; room_nid: number }>`
    select u.user_id, m.room_nid from memberships m join users u on u.user_nid = m.user_nid
    where u.user_id = any(${userIds}::text[]) and m.room_nid = any(${roomNids}::bigint[])
      and m.membership = 'join'`.execute(db);
  return rows.map((row) => ({ userId: row.user_id, roomNid: row.room_nid }));
}

/** Those of the rooms whose current state has an event in a slot. */
export async function listRoomsWithState(
  db: Db,
  roomNids: readonly number[],
  stateKeyNid: number,
): Promise<number[]> {
  if (roomNids.length === 0) return [];
  const { rows } = await sql<{ room_nid: number }>`
    select room_nid from current_state
    where room_nid = any(${roomNids}::bigint[]) and state_key_nid = ${stateKeyNid}`.execute(db);
  return rows.map((row) => row.room_nid);
}
