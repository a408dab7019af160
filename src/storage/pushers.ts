import { sql, type RawBuilder } from 'kysely';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import type { Db, Tx } from './database.ts';

export interface PusherTable {
  readonly pusher_nid: number;
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly app_id: string;
  readonly pushkey: string;
  readonly kind: string;
  readonly app_display_name: string;
  readonly device_display_name: string;
  readonly profile_tag: string | null;
  readonly lang: string;
  /** JSON text. */
  readonly data: string;
  readonly pushkey_ts: number;
  readonly position: number;
  readonly work_number: number;
  readonly due_ts: number | null;
  readonly claimed_until_ts: number;
  readonly failures: number;
  readonly failing_since_ts: number | null;
  readonly badge: number | null;
}

export interface PusherTables {
  pushers: PusherTable;
}

/** A pusher as its client sets it. */
export interface Pusher {
  readonly appId: string;
  readonly pushkey: string;
  readonly kind: string;
  readonly appDisplayName: string;
  readonly deviceDisplayName: string;
  readonly profileTag: string | undefined;
  readonly lang: string;
  readonly data: JsonObject;
}

/** One that this process may send for. */
export interface ClaimedPusher extends Pusher {
  readonly pusherNid: number;
  readonly userNid: number;
  readonly userId: UserId;
  /** When the client set it, in milliseconds since the epoch. */
  readonly pushkeyTs: number;
  /** Notifications of events up to here were sent. */
  readonly position: number;
  /** What there was to tell when it was claimed, for {@link finishPusher}. */
  readonly workNumber: number;
  /** How often in a row the gateway did not take a message. */
  readonly failures: number;
  readonly failingSinceTs: number | undefined;
  /** The count that the gateway was last told. */
  readonly badge: number | undefined;
}

type PusherKey = Pick<Pusher, 'appId' | 'pushkey'>;

/** A user's pushers. */
export async function listPushers(db: Db, userNid: number): Promise<Pusher[]> {
  const { rows } = await sql<PusherTable>`
    select * from pushers where user_nid = ${userNid} order by pusher_nid`.execute(db);
  return rows.map(readRow);
}

/** How many pushers a user has. */
export async function countPushers(db: Db, userNid: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from pushers where user_nid = ${userNid}`.execute(db);
  return rows[0]?.count ?? 0;
}

/**
 * Sets a pusher of a device: one with the same app and key is written over. A new one starts at the end of the stream;
 * nothing waits to be sent again to one that was failing.
 */
export async function putPusher(
  tx: Tx,
  owner: { readonly userNid: number; readonly deviceId: DeviceId },
  pusher: Pusher,
  nowTs: number,
): Promise<void> {
  await sql`
    insert into pushers (user_nid, device_id, app_id, pushkey, kind, app_display_name, device_display_name,
      profile_tag, lang, data, pushkey_ts, position)
    values (${owner.userNid}, ${owner.deviceId}, ${pusher.appId}, ${pusher.pushkey}, ${pusher.kind},
      ${pusher.appDisplayName}, ${pusher.deviceDisplayName}, ${pusher.profileTag ?? null}, ${pusher.lang},
      ${JSON.stringify(pusher.data)}, ${nowTs}, (select position from push_progress))
    on conflict (user_nid, app_id, pushkey) do update
    set device_id = excluded.device_id, kind = excluded.kind, app_display_name = excluded.app_display_name,
      device_display_name = excluded.device_display_name, profile_tag = excluded.profile_tag, lang = excluded.lang,
      data = excluded.data, pushkey_ts = excluded.pushkey_ts, failures = 0, failing_since_ts = null,
      due_ts = case when pushers.due_ts is null then null else excluded.pushkey_ts end`.execute(tx);
}

/** Removes a user's pusher, if it is there. */
export async function deletePusher(tx: Tx, userNid: number, key: PusherKey): Promise<void> {
  await sql`
    delete from pushers
    where user_nid = ${userNid} and app_id = ${key.appId} and pushkey = ${key.pushkey}`.execute(tx);
}

/** Removes the pushers with a key that belong to anybody else. */
export async function deletePushersOfOthers(tx: Tx, userNid: number, key: PusherKey): Promise<void> {
  await sql`
    delete from pushers
    where user_nid <> ${userNid} and app_id = ${key.appId} and pushkey = ${key.pushkey}`.execute(tx);
}

/** Removes every pusher with a key: the gateway knows it no more. */
export async function deletePushersByKey(db: Db, key: PusherKey): Promise<void> {
  await sql`delete from pushers where app_id = ${key.appId} and pushkey = ${key.pushkey}`.execute(db);
}

/** A statement by which there is something to tell the gateways of `users`, a query of interned ids; a row for each pusher. */
export function makePushersDue(users: RawBuilder<unknown>, nowTs: number): RawBuilder<unknown> {
  return sql`
    update pushers p set work_number = work_number + 1, due_ts = coalesce(due_ts, ${nowTs}::bigint)
    from (select distinct user_nid from (${users}) as due) as due
    where p.user_nid = due.user_nid returning p.pusher_nid`;
}

/** Claims what is due, for this process alone until `untilTs`; the longest due first. */
export async function claimDuePushers(
  db: Db,
  nowTs: number,
  untilTs: number,
  limit: number,
): Promise<ClaimedPusher[]> {
  const { rows } = await sql<PusherTable & { user_id: UserId }>`
    update pushers p set claimed_until_ts = ${untilTs}
    from users u
    where u.user_nid = p.user_nid and p.pusher_nid in (
      select pusher_nid from pushers where due_ts <= ${nowTs} and claimed_until_ts <= ${nowTs}
      order by due_ts limit ${limit} for update skip locked)
    returning p.*, u.user_id`.execute(db);
  return rows.map((row) => ({
    ...readRow(row),
    pusherNid: row.pusher_nid,
    userNid: row.user_nid,
    userId: row.user_id,
    pushkeyTs: row.pushkey_ts,
    position: row.position,
    workNumber: row.work_number,
    failures: row.failures,
    failingSinceTs: row.failing_since_ts ?? undefined,
    badge: row.badge ?? undefined,
  }));
}

/**
 * Whatever was due up to a position was sent: the claim is longer, and the gateway's failures are forgotten. False when
 * the pusher is gone.
 */
export async function advancePusher(
  db: Db,
  pusherNid: number,
  reached: { readonly position: number; readonly badge: number | undefined; readonly claimedUntilTs: number },
): Promise<boolean> {
  const { rows } = await sql`
    update pushers set position = ${reached.position}, badge = ${reached.badge ?? null}, failures = 0,
      failing_since_ts = null, claimed_until_ts = ${reached.claimedUntilTs}
    where pusher_nid = ${pusherNid} returning 1`.execute(db);
  return rows.length > 0;
}

/**
 * Lets go of a claim. The pusher rests if all is sent that there was to tell at `workNumber`, up to the position `upTo`, and
 * nothing has come since; else, and when `done` is undefined, it is due again at once.
 */
export async function finishPusher(
  db: Db,
  pusherNid: number,
  done: { readonly workNumber: number; readonly upTo: number } | undefined,
  nowTs: number,
): Promise<void> {
  await sql`
    update pushers
    set claimed_until_ts = 0, position = greatest(position, ${done?.upTo ?? null}::bigint),
      due_ts = case when work_number = ${done?.workNumber ?? null}::bigint then null else ${nowTs}::bigint end
    where pusher_nid = ${pusherNid}`.execute(db);
}

/** The gateway did not take a message: it is tried again at `dueTs`. */
export async function delayPusher(
  db: Db,
  pusherNid: number,
  retry: { readonly dueTs: number; readonly failures: number; readonly failingSinceTs: number },
): Promise<void> {
  await sql`
    update pushers set claimed_until_ts = 0, due_ts = ${retry.dueTs}, failures = ${retry.failures},
      failing_since_ts = ${retry.failingSinceTs}
    where pusher_nid = ${pusherNid}`.execute(db);
}

/** Gives up on all that waits: the next message is that of the next event. */
export async function skipPusherBacklog(db: Db, pusherNid: number): Promise<void> {
  await sql`
    update pushers set claimed_until_ts = 0, due_ts = null, failures = 0, failing_since_ts = null,
      position = (select position from push_progress)
    where pusher_nid = ${pusherNid}`.execute(db);
}

/** When something is next to be sent; undefined when nothing waits. */
export async function findSoonestPush(db: Db): Promise<number | undefined> {
  const { rows } = await sql<{ at: number | null }>`
    select min(greatest(due_ts, claimed_until_ts)) as at from pushers where due_ts is not null`.execute(db);
  return rows[0]?.at ?? undefined;
}

function readRow(row: PusherTable): Pusher {
  const data: unknown = JSON.parse(row.data);
  return {
    appId: row.app_id,
    pushkey: row.pushkey,
    kind: row.kind,
    appDisplayName: row.app_display_name,
    deviceDisplayName: row.device_display_name,
    profileTag: row.profile_tag ?? undefined,
    lang: row.lang,
    data: isJsonObject(data) ? data : {},
  };
}
