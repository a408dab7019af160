import type pg from 'pg';
import type { EventId } from '../matrix/identifiers.ts';
import { unnested } from './columns.ts';

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
}

/** A future to be stored in the commit that sends its send_now event, or in a transaction of its own. */
export interface NewFuture {
  readonly futureNid: number;
  /** undefined for a delayed event. */
  readonly tokenId: string | undefined;
  readonly userNid: number;
  readonly deviceId: string | undefined;
  readonly roomNid: number;
  readonly timeoutMs: number;
  readonly sinceTs: number;
  readonly watchedStateKeyNid: number | undefined;
  readonly watchedEventId: EventId | undefined;
  readonly sendNowEventId: EventId | undefined;
  readonly mirror: string | undefined;
  readonly alternatives: readonly NewAlternative[];
}

/** A slot of a room's current state that `eventId` took; undefined when it became empty. */
export interface ReplacedSlot {
  readonly roomNid: number;
  readonly stateKeyNid: number;
  readonly eventId: EventId | undefined;
}

const INSERT_FUTURES = unnested<NewFuture>('futures', {
  future_nid: { type: 'bigint', of: (future) => future.futureNid },
  token_id: { type: 'text', of: (future) => future.tokenId ?? null },
  user_nid: { type: 'bigint', of: (future) => future.userNid },
  device_id: { type: 'text', of: (future) => future.deviceId ?? null },
  room_nid: { type: 'bigint', of: (future) => future.roomNid },
  status: { type: 'text', of: () => 'pending' },
  timeout_ms: { type: 'bigint', of: (future) => future.timeoutMs },
  since_ts: { type: 'bigint', of: (future) => future.sinceTs },
  deadline_ts: { type: 'bigint', of: (future) => future.sinceTs + future.timeoutMs },
  watched_state_key_nid: { type: 'bigint', of: (future) => future.watchedStateKeyNid ?? null },
  watched_event_id: { type: 'text', of: (future) => future.watchedEventId ?? null },
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
});

/** What the statements of a commit run on: a checked-out connection inside a transaction. */
export type Connection = Pick<pg.PoolClient, 'query'>;

/** Stores futures with their alternatives. Runs inside the caller's transaction. */
export async function insertFutures(connection: Connection, futures: readonly NewFuture[]): Promise<void> {
  const alternatives = futures.flatMap((future) =>
    future.alternatives.map((alternative, ordinal) => ({
      ...alternative,
      futureNid: future.futureNid,
      ordinal,
    })),
  );
  await Promise.all([
    connection.query(INSERT_FUTURES.text, INSERT_FUTURES.columnsOf(futures)),
    connection.query(INSERT_ALTERNATIVES.text, INSERT_ALTERNATIVES.columnsOf(alternatives)),
  ]);
}

/**
 * Ends the pending futures that watched a slot which is now held by another event. Part of the commit that changes
 * the state: there is no moment at which the newer state is visible and the older future could still fire.
 */
export async function supersedeFutures(
  connection: Connection,
  replaced: readonly ReplacedSlot[],
  nowMs: number,
): Promise<void> {
  await connection.query(SUPERSEDE, [
    replaced.map((slot) => slot.roomNid),
    replaced.map((slot) => slot.stateKeyNid),
    replaced.map((slot) => slot.eventId ?? null),
    nowMs,
  ]);
}

const SUPERSEDE = `
  update futures f set status = 'superseded', finalised_ts = $4
  from unnest($1::bigint[], $2::bigint[], $3::text[]) as w (room_nid, state_key_nid, event_id)
  where f.status = 'pending' and f.room_nid = w.room_nid and f.watched_state_key_nid = w.state_key_nid
    and f.watched_event_id is distinct from w.event_id`;
