import { sql, type RawBuilder } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';
import { unpackJson, type KeptWords } from './packed-json.ts';

export interface UserNameTable {
  readonly user_nid: number;
  readonly room_nid: number;
  readonly has_name: boolean;
  readonly vector: string;
}

/** What is looked for in names, each as a `tsquery`. */
export interface NameQuery {
  /** Decides who is found. */
  readonly fits: string;
  /** Who is named so from the beginning on comes earlier, */
  readonly begins: string;
  /** and who is named exactly so earliest. */
  readonly isWhole: string;
}

/** Which users are looked for, and by whom. */
export interface UserQuery extends NameQuery {
  /** The user who searches. */
  readonly userNid: number;
  /** Whether everybody may find every user of this server. */
  readonly everyone: boolean;
  /** The interned ids of the state by which the members of a room may be found by everybody. */
  readonly joinRulesKey: number | undefined;
  readonly historyVisibilityKey: number | undefined;
  readonly limit: number;
}

/** A user who was found. */
export interface FoundUser {
  readonly userId: UserId;
  /** JSON text of what a user of this server says of themselves. */
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
  /** Of a user of another server the member event, unless that is redacted. */
  readonly memberJson: string | undefined;
}

interface FoundUserRow {
  readonly user_id: UserId;
  readonly name: string | null;
  readonly avatar: string | null;
  readonly member_json: Buffer | null;
}

/**
 * Users whom the searcher may find and who fit, best first. Users of this server are found by their profiles only, never
 * by what they are called in some room; users of other servers by what they are called in rooms that the searcher sees.
 */
export async function listUsersByName(db: Db, query: UserQuery): Promise<FoundUser[]> {
  const order = sql`is_whole desc, begins desc, has_name desc, user_nid`;
  // Who may be found is looked at one by one, in order, until there are enough.
  const { rows } = await sql<FoundUserRow>`
    with mine as materialized (
      select room_nid from memberships where user_nid = ${query.userNid} and membership = 'join'
    ), fitting as materialized (
      select n.user_nid, n.room_nid, n.has_name, n.vector @@ ${query.isWhole}::tsquery as is_whole,
        n.vector @@ ${query.begins}::tsquery as begins
      from user_names n
      where n.vector @@ ${query.fits}::tsquery
    ), remote as (
      select distinct on (f.user_nid) f.*
      from fitting f join memberships m on m.user_nid = f.user_nid and m.room_nid = f.room_nid
      where f.room_nid <> 0 and (f.room_nid in (select room_nid from mine) or ${isOpen(query, sql`f.room_nid`)})
      order by f.user_nid, f.is_whole desc, f.begins desc, m.position desc
    ), found as (
      select * from (
        select * from fitting where room_nid = 0 union all select * from remote order by ${order} offset 0
      ) as f
      where room_nid <> 0 or ${isVisible(query)}
      order by ${order} limit ${query.limit}
    )
    select u.user_id, n.value as name, a.value as avatar,
      case when e.redacted_by_nid is null then e.json end as member_json
    from found f join users u on u.user_nid = f.user_nid
    left join profile_fields n on f.room_nid = 0 and n.user_nid = f.user_nid and n.key_name = 'displayname'
    left join profile_fields a on f.room_nid = 0 and a.user_nid = f.user_nid and a.key_name = 'avatar_url'
    left join memberships m on m.user_nid = f.user_nid and m.room_nid = f.room_nid
    left join events e on e.event_nid = m.event_nid
    order by is_whole desc, begins desc, has_name desc, f.user_nid`.execute(db);
  return rows.map((row) => ({
    userId: row.user_id,
    displayName: row.name ?? undefined,
    avatarUrl: row.avatar ?? undefined,
    memberJson: row.member_json === null ? undefined : unpackJson(row.member_json),
  }));
}

/** Whether the searcher may find the user `f` of this server. Nobody finds those who are locked out. */
function isVisible(query: UserQuery): RawBuilder<unknown> {
  const other = sql`f.user_nid <> ${query.userNid}`;
  return sql`exists (
    select from accounts a
    where a.user_nid = f.user_nid and a.locked_ts is null and (
      ${query.everyone}::boolean and ${other} and not a.is_guest
      or exists (
        select from memberships m
        where m.user_nid = f.user_nid and m.membership = 'join'
          and (${other} and m.room_nid in (select room_nid from mine) or ${isOpen(query, sql`m.room_nid`)}))))`;
}

/** Whether everybody may join a room, or read it. Canonical JSON has one way to say so. */
function isOpen(query: UserQuery, roomNid: RawBuilder<unknown>): RawBuilder<unknown> {
  const { joinRulesKey, historyVisibilityKey } = query;
  return sql`exists (
    select from current_state s join events o on o.event_nid = s.event_nid
    where s.room_nid = ${roomNid} and (
      s.state_key_nid = ${joinRulesKey ?? null}::bigint and ${says('"join_rule":"public"')}
      or s.state_key_nid = ${historyVisibilityKey ?? null}::bigint
        and ${says('"history_visibility":"world_readable"')}))`;
}

/** Whether the event `o` has these words. */
function says(words: KeptWords): RawBuilder<unknown> {
  return sql`position(${Buffer.from(words)}::bytea in o.json) > 0`;
}
