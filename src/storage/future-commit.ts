import type pg from 'pg';
import type { EventId } from '../matrix/identifiers.ts';
import type { JsonObject } from '../util/json.ts';
import { hashRequest, SENT_NO_EVENT, type ClientTransactionKey } from './client-transactions.ts';
import { unnested } from './columns.ts';
import { sendTogether } from './cork.ts';
import type { Database } from './database.ts';
import { listTooMany } from './future-limits.ts';

/** The claim of a pending future by the event it becomes: lost when someone else resolved it first. */
export interface FutureClaim {
  readonly futureNid: number;
  /** Set when its timer fires: a refresh in between moves the deadline, and the claim is lost. */
  readonly expectedDeadlineTs: number | undefined;
  readonly delayId: string;
  readonly sentEventId: EventId;
}

/** One thing that a future may become. */
export interface NewAlternative {
  /** `timeout` or `action:<name>`. */
  readonly trigger: string;
  readonly delayId: string;
  readonly type: string;
  readonly stateKey: string | undefined;
  /** JSON text, template variables resolved. */
  readonly content: string;
  readonly redacts: string | undefined;
  /** How long the event will be sticky. */
  readonly stickyDurationMs: number | undefined;
  /** The time that the event will have; undefined for that at which it is sent. */
  readonly originServerTs: number | undefined;
  /** The id that the event will have where servers choose ids. */
  readonly reservedEventId: EventId | undefined;
}

/** A future to be stored in the commit that sends its send_now event, or in a transaction of its own. */
export interface NewFuture {
  readonly futureNid: number;
  /** undefined for a delayed event. */
  readonly tokenId: string | undefined;
  /** Names the future in placeholders; undefined for a delayed event. */
  readonly publicId: string | undefined;
  readonly userNid: number;
  readonly deviceId: string | undefined;
  readonly roomNid: number;
  readonly timeoutMs: number;
  readonly sinceTs: number;
  readonly watchedStateKeyNid: number | undefined;
  readonly watchedEventId: EventId | undefined;
  /** A slot whose change by another user ends the future as well. */
  readonly contestedStateKeyNid: number | undefined;
  readonly sendNowEventId: EventId | undefined;
  readonly mirror: string | undefined;
  /** How many futures its owner may have pending, this one included. */
  readonly mostPending: number;
  readonly alternatives: readonly NewAlternative[];
}

/** A slot of a room's current state that `eventId` took; undefined when it became empty. */
export interface ReplacedSlot {
  readonly roomNid: number;
  readonly stateKeyNid: number;
  readonly eventId: EventId | undefined;
  readonly senderNid: number | undefined;
}

const INSERT_FUTURES = unnested<NewFuture>('futures', {
  future_nid: { type: 'bigint', of: (future) => future.futureNid },
  token_id: { type: 'text', of: (future) => future.tokenId ?? null },
  public_id: { type: 'text', of: (future) => future.publicId ?? null },
  user_nid: { type: 'bigint', of: (future) => future.userNid },
  device_id: { type: 'text', of: (future) => future.deviceId ?? null },
  room_nid: { type: 'bigint', of: (future) => future.roomNid },
  status: { type: 'text', of: () => 'pending' },
  timeout_ms: { type: 'bigint', of: (future) => future.timeoutMs },
  since_ts: { type: 'bigint', of: (future) => future.sinceTs },
  deadline_ts: { type: 'bigint', of: (future) => future.sinceTs + future.timeoutMs },
  watched_state_key_nid: { type: 'bigint', of: (future) => future.watchedStateKeyNid ?? null },
  watched_event_id: { type: 'text', of: (future) => future.watchedEventId ?? null },
  contested_state_key_nid: { type: 'bigint', of: (future) => future.contestedStateKeyNid ?? null },
  send_now_event_id: { type: 'text', of: (future) => future.sendNowEventId ?? null },
  mirror: { type: 'text', of: (future) => future.mirror ?? null },
});

const INSERT_ALTERNATIVES = unnested<
  NewAlternative & { readonly futureNid: number; readonly ordinal: number }
>('future_alternatives', {
  future_nid: { type: 'bigint', of: (alternative) => alternative.futureNid },
  ordinal: { type: 'integer', of: (alternative) => alternative.ordinal },
  trigger: { type: 'text', of: (alternative) => alternative.trigger },
  delay_id: { type: 'text', of: (alternative) => alternative.delayId },
  type: { type: 'text', of: (alternative) => alternative.type },
  state_key: { type: 'text', of: (alternative) => alternative.stateKey ?? null },
  content: { type: 'text', of: (alternative) => alternative.content },
  redacts: { type: 'text', of: (alternative) => alternative.redacts ?? null },
  reserved_event_id: { type: 'text', of: (alternative) => alternative.reservedEventId ?? null },
  sticky_duration_ms: { type: 'integer', of: (alternative) => alternative.stickyDurationMs ?? null },
  origin_server_ts: { type: 'bigint', of: (alternative) => alternative.originServerTs ?? null },
});

/** What the statements of a commit run on: a checked-out connection inside a transaction. */
export type Connection = Pick<pg.PoolClient, 'query'>;

/** Stores futures with their alternatives. Runs inside the caller's transaction. */
export async function insertFutures(connection: Connection, futures: readonly NewFuture[]): Promise<void> {
  const alternatives = futures.flatMap((future) =>
    future.alternatives.map((alternative, ordinal) => ({
      futureNid: future.futureNid,
      ordinal,
      ...alternative,
    })),
  );
  await Promise.all([
    connection.query(INSERT_FUTURES.text, INSERT_FUTURES.columnsOf(futures)),
    connection.query(INSERT_ALTERNATIVES.text, INSERT_ALTERNATIVES.columnsOf(alternatives)),
  ]);
}

/**
 * Stores a future that comes without an event, together with the answer to its request; `repeated` when the same
 * request was answered before, `too-many` when its owner has as many pending as they may (then nothing is stored).
 */
export async function storeFuture(
  database: Database,
  future: NewFuture,
  transaction: (ClientTransactionKey & { readonly response: JsonObject }) | undefined,
): Promise<'stored' | 'repeated' | 'too-many'> {
  const client = await database.pool.connect();
  let broken: Error | undefined;
  try {
    const [, isTaken, tooMany] = await sendTogether(client, () =>
      Promise.all([
        client.query('begin'),
        transaction === undefined || takeTransaction(client, transaction, future.sinceTs),
        listTooMany(client, [future]),
      ]),
    );
    if (!isTaken || tooMany.length > 0) {
      await client.query('rollback');
      return isTaken ? 'too-many' : 'repeated';
    }
    await Promise.all([insertFutures(client, [future]), client.query('commit')]);
    return 'stored';
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    // A connection on which something went wrong is not given to anyone else; closing it rolls back.
    client.release(broken);
  }
}

async function takeTransaction(
  connection: Connection,
  transaction: ClientTransactionKey & { readonly response: JsonObject },
  nowMs: number,
): Promise<boolean> {
  const { rows } = await connection.query(TAKE_TRANSACTION, [
    transaction.userNid,
    transaction.deviceId,
    hashRequest(transaction),
    JSON.stringify(transaction.response),
    nowMs,
  ]);
  return rows.length > 0;
}

const TAKE_TRANSACTION = `
  insert into client_transactions (user_nid, device_id, request, response, created_ts)
  select w.user_nid, w.device_id, decode(w.request, 'hex'), $4, $5
  from (values ($1::bigint, $2::text, $3::text)) as w (user_nid, device_id, request)
  where ${SENT_NO_EVENT}
  on conflict do nothing returning 1`;

/**
 * Ends the pending futures that watched a slot which is now held by another event, and those whose slot another user
 * has set. Part of the commit that changes the state: there is no moment at which the newer state is visible and the
 * older future could still fire.
 */
export async function supersedeFutures(
  connection: Connection,
  replaced: readonly ReplacedSlot[],
  nowMs: number,
): Promise<void> {
  const slots = [replaced.map((slot) => slot.roomNid), replaced.map((slot) => slot.stateKeyNid)];
  await Promise.all([
    connection.query(SUPERSEDE_WATCHING, [...slots, replaced.map((slot) => slot.eventId ?? null), nowMs]),
    connection.query(SUPERSEDE_CONTESTED, [...slots, replaced.map((slot) => slot.senderNid ?? null), nowMs]),
  ]);
}

const SUPERSEDE_WATCHING = `
  update futures f set status = 'superseded', finalised_ts = $4
  from unnest($1::bigint[], $2::bigint[], $3::text[]) as w (room_nid, state_key_nid, event_id)
  where f.status = 'pending' and f.room_nid = w.room_nid and f.watched_state_key_nid = w.state_key_nid
    and f.watched_event_id is distinct from w.event_id`;

const SUPERSEDE_CONTESTED = `
  update futures f set status = 'superseded', finalised_ts = $4
  from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as w (room_nid, state_key_nid, sender_nid)
  where f.status = 'pending' and f.room_nid = w.room_nid and f.contested_state_key_nid = w.state_key_nid
    and f.user_nid <> w.sender_nid`;
