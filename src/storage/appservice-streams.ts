import { sql, type Generated } from 'kysely';
import type { RoomAlias, UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';
import { listEventsWhere, type StoredEvent } from './events.ts';
import type { Membership } from './memberships.ts';

export interface AppserviceStreamTable {
  readonly appservice_id: string;
  readonly position: number;
  readonly transaction_number: number;
  readonly pending: Generated<string | null>;
  readonly claimed_until_ts: number;
}

export interface AppserviceStreamTables {
  appservice_streams: AppserviceStreamTable;
}

/** How far an application service has been told what happened. */
export interface AppserviceProgress {
  /** Everything up to here is in some transaction. */
  readonly position: number;
  /** Of the newest transaction; 0 when there was none. */
  readonly transactionNumber: number;
  /** JSON text of the newest transaction while it is not taken. */
  readonly pending: string | undefined;
}

/** Whether this process sends: if another does, or somebody is to wait, until when. */
export type AppserviceClaim =
  | { readonly kind: 'claimed'; readonly progress: AppserviceProgress }
  | { readonly kind: 'busy'; readonly untilTs: number };

/** Lets services that are seen for the first time hear of what happens from now on. */
export async function openAppserviceStreams(db: Db, appserviceIds: readonly string[]): Promise<void> {
  await sql`
    insert into appservice_streams (appservice_id, position, transaction_number, claimed_until_ts)
    select id, (select position from stream), 0, 0 from unnest(${appserviceIds}::text[]) as id
    on conflict do nothing`.execute(db);
}

/** Claims the right to send to a service until `untilTs`, unless somebody has it. */
export async function claimAppserviceStream(
  db: Db,
  appserviceId: string,
  nowTs: number,
  untilTs: number,
): Promise<AppserviceClaim> {
  const { rows } = await sql<AppserviceStreamTable & { pending: string | null }>`
    update appservice_streams set claimed_until_ts = ${untilTs}
    where appservice_id = ${appserviceId} and claimed_until_ts <= ${nowTs}
    returning *`.execute(db);
  const [row] = rows;
  if (row === undefined) return { kind: 'busy', untilTs: await findClaimEnd(db, appserviceId) };
  const progress = {
    position: row.position,
    transactionNumber: row.transaction_number,
    pending: row.pending ?? undefined,
  };
  return { kind: 'claimed', progress };
}

async function findClaimEnd(db: Db, appserviceId: string): Promise<number> {
  const { rows } = await sql<{ claimed_until_ts: number }>`
    select claimed_until_ts from appservice_streams where appservice_id = ${appserviceId}`.execute(db);
  return rows[0]?.claimed_until_ts ?? 0;
}

/** Makes the next transaction, with what happened up to `reached`; false when somebody else has the right meanwhile. */
export async function storeAppserviceTransaction(
  db: Db,
  appserviceId: string,
  transaction: { readonly number: number; readonly reached: number; readonly body: string },
  untilTs: number,
): Promise<boolean> {
  const { number, reached, body } = transaction;
  const { rows } = await sql`
    update appservice_streams
    set position = ${reached}, transaction_number = ${number}, pending = ${body}, claimed_until_ts = ${untilTs}
    where appservice_id = ${appserviceId} and transaction_number = ${number - 1} and pending is null
    returning 1`.execute(db);
  return rows.length > 0;
}

/** The service has taken a transaction. */
export async function finishAppserviceTransaction(
  db: Db,
  appserviceId: string,
  number: number,
  untilTs: number,
): Promise<void> {
  await sql`
    update appservice_streams set pending = null, claimed_until_ts = ${untilTs}
    where appservice_id = ${appserviceId} and transaction_number = ${number}`.execute(db);
}

/** Lets the right to send go, at once or (for a service that fails) at `freeTs`; nothing up to `position` is to be told. */
export async function releaseAppserviceStream(
  db: Db,
  appserviceId: string,
  position: number,
  freeTs: number,
): Promise<void> {
  await sql`
    update appservice_streams set position = greatest(position, ${position}), claimed_until_ts = ${freeTs}
    where appservice_id = ${appserviceId}`.execute(db);
}

/** Timeline events in `(after, upTo]`, oldest first, at most `limit`. */
export function listEventsForAppservices(
  db: Db,
  after: number,
  upTo: number,
  limit: number,
): Promise<StoredEvent[]> {
  return listEventsWhere(
    db,
    sql`e.position > ${after} and e.position <= ${upTo} order by e.position limit ${limit}`,
  );
}

/** What a user of this server is, or was, in a room. */
export interface LocalMembership {
  readonly roomNid: number;
  readonly userId: UserId;
  readonly membership: Membership;
  /** Where the membership, or the event that holds it, last changed. */
  readonly position: number;
}

/** The memberships that users of this server have, or had, in some rooms. */
export async function listLocalMemberships(db: Db, roomNids: readonly number[]): Promise<LocalMembership[]> {
  const { rows } = await sql<{
    room_nid: number;
    user_id: UserId;
    membership: Membership;
    position: number;
  }>`
    select m.room_nid, u.user_id, m.membership, m.position
    from memberships m join users u on u.user_nid = m.user_nid
    where m.room_nid = any(${roomNids}::bigint[]) and m.is_local`.execute(db);
  return rows.map((row) => ({
    roomNid: row.room_nid,
    userId: row.user_id,
    membership: row.membership,
    position: row.position,
  }));
}

/** The aliases of this server that lead to some rooms. */
export async function listAliasesOfRooms(
  db: Db,
  roomNids: readonly number[],
): Promise<{ readonly roomNid: number; readonly alias: RoomAlias }[]> {
  const { rows } = await sql<{ room_nid: number; alias: RoomAlias }>`
    select room_nid, alias from room_aliases where room_nid = any(${roomNids}::bigint[])`.execute(db);
  return rows.map((row) => ({ roomNid: row.room_nid, alias: row.alias }));
}
