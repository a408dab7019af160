import { sql } from 'kysely';
import type { EventId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

export interface ThreadSubscriptionTable {
  readonly user_nid: number;
  readonly root_nid: number;
  readonly is_subscribed: boolean;
  readonly is_automatic: boolean;
  readonly position: number;
}

export interface ThreadSubscriptionTables {
  thread_subscriptions: ThreadSubscriptionTable;
}

/** What a user last said of a thread. */
export interface ThreadSubscription {
  readonly isSubscribed: boolean;
  /** Whether a client did that by itself. */
  readonly isAutomatic: boolean;
  /** When, as a position in the stream. */
  readonly position: number;
}

/** What a user last said of the thread of a root; undefined for nothing. */
export async function findThreadSubscription(
  db: Db,
  userNid: number,
  rootNid: number,
): Promise<ThreadSubscription | undefined> {
  const { rows } = await sql<ThreadSubscriptionTable>`
    select is_subscribed, is_automatic, position from thread_subscriptions
    where user_nid = ${userNid} and root_nid = ${rootNid}`.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  return { isSubscribed: row.is_subscribed, isAutomatic: row.is_automatic, position: row.position };
}

/** Writes down what a user says of a thread. */
export async function putThreadSubscription(
  tx: Tx,
  userNid: number,
  rootNid: number,
  subscription: ThreadSubscription,
): Promise<void> {
  const { isSubscribed, isAutomatic, position } = subscription;
  await sql`
    insert into thread_subscriptions (user_nid, root_nid, is_subscribed, is_automatic, position)
    values (${userNid}, ${rootNid}, ${isSubscribed}, ${isAutomatic}, ${position})
    on conflict (user_nid, root_nid) do update
    set is_subscribed = excluded.is_subscribed, is_automatic = excluded.is_automatic,
      position = excluded.position`.execute(tx);
}

/** Who subscribed to threads, by the ids of their roots. */
export async function listThreadSubscribers(
  db: Db,
  rootIds: readonly EventId[],
): Promise<ReadonlyMap<EventId, ReadonlySet<number>>> {
  if (rootIds.length === 0) return new Map();
  const { rows } = await sql<{ event_id: EventId; user_nids: readonly number[] }>`
    select e.event_id, array_agg(s.user_nid) as user_nids
    from thread_subscriptions s join events e on e.event_nid = s.root_nid
    where e.event_id = any(${rootIds}::text[]) and s.is_subscribed
    group by e.event_id`.execute(db);
  return new Map(rows.map((row) => [row.event_id, new Set(row.user_nids.map(Number))]));
}

/** Forgets which threads a user followed. */
export async function deleteThreadSubscriptionsOf(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from thread_subscriptions where user_nid = ${userNid}`.execute(tx);
}
