import type pg from 'pg';
import type { RoomId } from '../matrix/identifiers.ts';
import type { JsonObject } from '../util/json.ts';
import type { ClientTransactionKey } from './client-transactions.ts';
import { unnested } from './columns.ts';
import type { Database } from './database.ts';
import type { EventTable, MissingPrevEventTable } from './events.ts';
import {
  insertFutures,
  supersedeFutures,
  type FutureClaim,
  type NewFuture,
  type ReplacedSlot,
} from './future-commit.ts';
import type { Membership } from './memberships.ts';
import type { EncodedNode, StateRoot } from './state-node.ts';

/** An event row without its position, which the commit allots when `inTimeline` says so. */
export interface EventToInsert extends Omit<EventTable, 'position' | 'state_before' | 'state_after'> {
  readonly state_before: StateRoot | null;
  /** null when the same as before. */
  readonly state_after: StateRoot | null;
  readonly inTimeline: boolean;
  /** The room's current state once this event is in, when the event changed it. */
  readonly currentRoot: StateRoot | undefined;
}

export interface MembershipChange {
  readonly userNid: number;
  readonly membership: Membership;
  readonly eventNid: number;
  readonly isLocal: boolean;
}

/** All that one commit changes in one room. */
export interface RoomCommit {
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly roomVersion: string;
  /** The version that the decisions were made on; 0 makes the room. */
  readonly expectedVersion: number;
  readonly events: readonly EventToInsert[];
  readonly nodes: readonly EncodedNode[];
  readonly stateRoot: StateRoot;
  /** Slots of the current state that changed, with their last event; undefined empties one. */
  readonly stateChanges: ReadonlyMap<number, number | undefined>;
  readonly memberships: readonly MembershipChange[];
  readonly extremities: readonly number[];
  readonly missingPrevs: readonly Omit<MissingPrevEventTable, 'room_nid'>[];
  /** Redacted events and the redactions that apply to them. */
  readonly redactions: readonly { readonly targetNid: number; readonly redactionNid: number }[];
  readonly claims: readonly FutureClaim[];
  readonly transactions: readonly (ClientTransactionKey & { readonly response: JsonObject })[];
  readonly futures: readonly NewFuture[];
  /** Slots that were taken by another event, for the futures that watch them. */
  readonly replacedSlots: readonly ReplacedSlot[];
}

/**
 * What became of a room in a commit. `stale`: the room has moved on, decide again. `claim-lost`: the future was
 * resolved otherwise, `repeated`: the same request was answered before; both name the one to leave out.
 */
export type RoomCommitResult =
  | { readonly kind: 'committed'; readonly positions: readonly (number | undefined)[] }
  | { readonly kind: 'stale' }
  | { readonly kind: 'claim-lost'; readonly futureNid: number }
  | { readonly kind: 'repeated'; readonly transaction: ClientTransactionKey }
  | { readonly kind: 'undone' };

/**
 * Writes the changes of many rooms in one transaction: the DAG, current state, supersession of futures, the end of
 * the future that an event came from, client transactions. A room that has moved on is left out; the others go
 * through. When a future or a transaction id was taken by someone else, everything is undone and the culprit named.
 *
 * ```
 *   begin · lock the stream · guard rooms, then futures and transaction ids        (one round trip)
 *   insert events … supersede futures · commit                                     (one round trip)
 * ```
 */
export async function commitRooms(
  database: Database,
  rooms: readonly RoomCommit[],
  nowMs: number,
): Promise<Map<number, RoomCommitResult>> {
  const client = await database.pool.connect();
  let broken: Error | undefined;
  try {
    const guard = await takeGuards(client, rooms, nowMs);
    if (guard.losses.size > 0) {
      await client.query('rollback');
      return undoAll(rooms, guard);
    }
    const passed = rooms.filter((room) => guard.passed.has(room.roomNid));
    const positions = placeEvents(passed, guard.lastPosition);
    await writeRooms(client, passed, positions, nowMs);
    return new Map(
      rooms.map((room) => [
        room.roomNid,
        guard.passed.has(room.roomNid)
          ? { kind: 'committed', positions: positions.get(room.roomNid) ?? [] }
          : { kind: 'stale' },
      ]),
    );
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    // A connection on which something went wrong is not given to anyone else.
    client.release(broken);
  }
}

interface Guards {
  readonly lastPosition: number;
  readonly passed: ReadonlySet<number>;
  readonly losses: ReadonlyMap<number, RoomCommitResult>;
}

async function takeGuards(
  client: pg.PoolClient,
  rooms: readonly RoomCommit[],
  nowMs: number,
): Promise<Guards> {
  const wanted = rooms.reduce((sum, room) => sum + room.events.filter((event) => event.inTimeline).length, 0);
  const claims = rooms.flatMap((room) => room.claims.map((claim) => ({ ...claim, roomNid: room.roomNid })));
  const transactions = rooms.flatMap((room) =>
    room.transactions.map((txn) => ({ ...txn, roomNid: room.roomNid })),
  );
  const [, stream, taken] = await Promise.all([
    client.query('begin'),
    client.query<{ position: number }>('update stream set position = position + $1 returning position', [
      wanted,
    ]),
    client.query<GuardRow>(TAKE_GUARDS, [
      rooms.map((room) => room.roomNid),
      rooms.map((room) => room.roomId),
      rooms.map((room) => room.roomVersion),
      rooms.map((room) => room.expectedVersion),
      rooms.map((room) => room.stateRoot),
      claims.map((claim) => claim.futureNid),
      claims.map((claim) => claim.expectedDeadlineTs ?? null),
      claims.map((claim) => claim.delayId),
      claims.map((claim) => claim.sentEventId),
      claims.map((claim) => claim.roomNid),
      transactions.map((txn) => txn.userNid),
      transactions.map((txn) => txn.deviceId),
      transactions.map((txn) => txn.endpoint),
      transactions.map((txn) => txn.txnId),
      transactions.map((txn) => JSON.stringify(txn.response)),
      transactions.map((txn) => txn.roomNid),
      nowMs,
    ]),
  ]);
  const passed = new Set(taken.rows.filter((row) => row.kind === 'room').map((row) => row.nid));
  const claimed = new Set(taken.rows.filter((row) => row.kind === 'future').map((row) => row.nid));
  const stored = new Set(
    taken.rows
      .filter((row) => row.kind === 'transaction')
      .map((row) => JSON.stringify([row.nid, ...row.key])),
  );
  const losses = new Map<number, RoomCommitResult>();
  for (const claim of claims) {
    if (!passed.has(claim.roomNid) || claimed.has(claim.futureNid)) continue;
    losses.set(claim.roomNid, { kind: 'claim-lost', futureNid: claim.futureNid });
  }
  for (const txn of transactions) {
    const key = JSON.stringify([txn.userNid, txn.deviceId, txn.endpoint, txn.txnId]);
    if (!passed.has(txn.roomNid) || stored.has(key)) continue;
    losses.set(txn.roomNid, { kind: 'repeated', transaction: txn });
  }
  return { lastPosition: stream.rows[0]?.position ?? 0, passed, losses };
}

interface GuardRow {
  readonly kind: 'room' | 'future' | 'transaction';
  readonly nid: number;
  /** Device, endpoint and id of a transaction. */
  readonly key: readonly string[];
}

/** Rooms whose version is as expected move on by one, new rooms are made; only in those, futures and transaction ids are taken. */
const TAKE_GUARDS = `
  with wanted as (
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[])
      as w (room_nid, room_id, room_version, version, state_root)
  ), moved as (
    update rooms r set version = r.version + 1, state_root = decode(w.state_root, 'hex')
    from wanted w where r.room_nid = w.room_nid and r.version = w.version and w.version > 0
    returning r.room_nid
  ), made as (
    insert into rooms (room_nid, room_id, room_version, version, state_root)
    select room_nid, room_id, room_version, 1, decode(state_root, 'hex') from wanted where version = 0
    on conflict do nothing
    returning room_nid
  ), passed as (
    select room_nid from moved union all select room_nid from made
  ), claimed as (
    update futures f set status = 'sent', finalised_ts = $17, sent_delay_id = w.delay_id, sent_event_id = w.event_id
    from unnest($6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::bigint[])
      as w (future_nid, deadline_ts, delay_id, event_id, room_nid)
      join passed on passed.room_nid = w.room_nid
    where f.future_nid = w.future_nid and f.status = 'pending'
      and (w.deadline_ts is null or f.deadline_ts = w.deadline_ts)
    returning f.future_nid
  ), stored as (
    insert into client_transactions (user_nid, device_id, endpoint, txn_id, response, created_ts)
    select w.user_nid, w.device_id, w.endpoint, w.txn_id, w.response, $17
    from unnest($11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bigint[])
      as w (user_nid, device_id, endpoint, txn_id, response, room_nid)
      join passed on passed.room_nid = w.room_nid
    on conflict do nothing
    returning user_nid, device_id, endpoint, txn_id
  )
  select 'room' as kind, room_nid as nid, '{}'::text[] as key from passed
  union all select 'future', future_nid, '{}' from claimed
  union all select 'transaction', user_nid, array[device_id, endpoint, txn_id] from stored`;

function undoAll(rooms: readonly RoomCommit[], guard: Guards): Map<number, RoomCommitResult> {
  return new Map(
    rooms.map((room) => [
      room.roomNid,
      guard.losses.get(room.roomNid) ?? { kind: guard.passed.has(room.roomNid) ? 'undone' : 'stale' },
    ]),
  );
}

/** Deals out the allotted positions to the timeline events, in order; the allotment ends at `lastPosition`. */
function placeEvents(
  rooms: readonly RoomCommit[],
  lastPosition: number,
): Map<number, (number | undefined)[]> {
  const count = rooms.reduce((sum, room) => sum + room.events.filter((event) => event.inTimeline).length, 0);
  let next = lastPosition - count + 1;
  return new Map(
    rooms.map((room) => [room.roomNid, room.events.map((event) => (event.inTimeline ? next++ : undefined))]),
  );
}

async function writeRooms(
  client: pg.PoolClient,
  rooms: readonly RoomCommit[],
  positions: ReadonlyMap<number, readonly (number | undefined)[]>,
  nowMs: number,
): Promise<void> {
  const events = rooms.flatMap((room) =>
    room.events.map((event, index) => ({ ...event, position: positions.get(room.roomNid)?.[index] ?? null })),
  );
  const positionOf = new Map(events.map((event) => [event.event_nid, event.position]));
  const writes: Promise<unknown>[] = [];
  const write = (text: string, values: readonly unknown[][]): void => {
    if (values.every((column) => column.length === 0)) return;
    writes.push(client.query(text, [...values]));
  };
  const nodes = new Map(rooms.flatMap((room) => room.nodes.map((node) => [node.root, node.body])));
  write(INSERT_NODES, [[...nodes.keys()], [...nodes.values()]]);
  write(INSERT_EVENTS.text, INSERT_EVENTS.columnsOf(events));
  const roots = events.filter((event) => event.currentRoot !== undefined && event.position !== null);
  write(INSERT_ROOM_STATES, [
    roots.map((event) => event.room_nid),
    roots.map((event) => event.position),
    roots.map((event) => event.currentRoot),
  ]);
  const changes = rooms.flatMap((room) =>
    [...room.stateChanges].map(([key, event]) => ({ roomNid: room.roomNid, key, event })),
  );
  const taken = changes.filter((change) => change.event !== undefined);
  const emptied = changes.filter((change) => change.event === undefined);
  write(UPSERT_STATE, [taken.map((c) => c.roomNid), taken.map((c) => c.key), taken.map((c) => c.event)]);
  write(DELETE_STATE, [emptied.map((c) => c.roomNid), emptied.map((c) => c.key)]);
  const members = rooms.flatMap((room) =>
    room.memberships.map((member) => ({ ...member, roomNid: room.roomNid })),
  );
  write(UPSERT_MEMBERSHIPS, [
    members.map((member) => member.roomNid),
    members.map((member) => member.userNid),
    members.map((member) => member.membership),
    members.map((member) => member.eventNid),
    members.map((member) => positionOf.get(member.eventNid) ?? lastOf(positions.get(member.roomNid))),
    members.map((member) => member.isLocal),
  ]);
  write(DELETE_EXTREMITIES, [rooms.map((room) => room.roomNid)]);
  const tips = rooms.flatMap((room) =>
    room.extremities.map((eventNid) => ({ roomNid: room.roomNid, eventNid })),
  );
  write(INSERT_EXTREMITIES, [tips.map((tip) => tip.roomNid), tips.map((tip) => tip.eventNid)]);
  const missing = rooms.flatMap((room) =>
    room.missingPrevs.map((prev) => ({ ...prev, roomNid: room.roomNid })),
  );
  write(INSERT_MISSING_PREVS, [
    missing.map((prev) => prev.roomNid),
    missing.map((prev) => prev.prev_event_id),
    missing.map((prev) => prev.event_nid),
  ]);
  const redactions = rooms.flatMap((room) => room.redactions);
  write(APPLY_REDACTIONS, [redactions.map((r) => r.targetNid), redactions.map((r) => r.redactionNid)]);
  const futures = rooms.flatMap((room) => room.futures);
  if (futures.length > 0) writes.push(insertFutures(client, futures));
  const replaced = rooms.flatMap((room) => room.replacedSlots);
  if (replaced.length > 0) writes.push(supersedeFutures(client, replaced, nowMs));
  writes.push(client.query('commit'));
  const outcomes = await Promise.allSettled(writes);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Where a change is placed whose own event has no position: with the last event of its commit. */
function lastOf(positions: readonly (number | undefined)[] | undefined): number {
  return positions?.findLast((position) => position !== undefined) ?? 0;
}

const INSERT_NODES = `
  insert into state_nodes (hash, body)
  select decode(hash, 'hex'), body from unnest($1::text[], $2::bytea[]) as n (hash, body)
  on conflict do nothing`;

/** An outlier that is given a place keeps its row. */
const PLACE_OUTLIER = `
  on conflict (event_nid) do update set position = excluded.position, status = excluded.status,
    state_before = excluded.state_before, state_after = excluded.state_after, replaces_nid = excluded.replaces_nid,
    rejection = excluded.rejection`;

const INSERT_EVENTS = unnested<EventToInsert & { readonly position: number | null }>(
  'events',
  {
    event_nid: { type: 'bigint', of: (event) => event.event_nid },
    event_id: { type: 'text', of: (event) => event.event_id },
    room_nid: { type: 'bigint', of: (event) => event.room_nid },
    position: { type: 'bigint', of: (event) => event.position },
    status: { type: 'smallint', of: (event) => event.status },
    depth: { type: 'bigint', of: (event) => event.depth },
    origin_server_ts: { type: 'bigint', of: (event) => event.origin_server_ts },
    sender_nid: { type: 'bigint', of: (event) => event.sender_nid },
    type: { type: 'text', of: (event) => event.type },
    state_key_nid: { type: 'bigint', of: (event) => event.state_key_nid },
    state_before: { type: 'hex', of: (event) => event.state_before },
    state_after: { type: 'hex', of: (event) => event.state_after },
    replaces_nid: { type: 'bigint', of: (event) => event.replaces_nid },
    redacted_by_nid: { type: 'bigint', of: (event) => event.redacted_by_nid },
    redacts: { type: 'text', of: (event) => event.redacts },
    session_nid: { type: 'bigint', of: (event) => event.session_nid },
    txn_id: { type: 'text', of: (event) => event.txn_id },
    delay_id: { type: 'text', of: (event) => event.delay_id },
    rejection: { type: 'text', of: (event) => event.rejection },
    json: { type: 'text', of: (event) => event.json },
  },
  PLACE_OUTLIER,
);

const INSERT_ROOM_STATES = `
  insert into room_states (room_nid, position, state_root)
  select room_nid, position, decode(root, 'hex')
  from unnest($1::bigint[], $2::bigint[], $3::text[]) as s (room_nid, position, root)`;

const UPSERT_STATE = `
  insert into current_state (room_nid, state_key_nid, event_nid)
  select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])
  on conflict (room_nid, state_key_nid) do update set event_nid = excluded.event_nid`;

const DELETE_STATE = `
  delete from current_state s using unnest($1::bigint[], $2::bigint[]) as gone (room_nid, state_key_nid)
  where s.room_nid = gone.room_nid and s.state_key_nid = gone.state_key_nid`;

const UPSERT_MEMBERSHIPS = `
  insert into memberships (room_nid, user_nid, membership, event_nid, position, is_local)
  select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[])
  on conflict (room_nid, user_nid) do update set membership = excluded.membership, event_nid = excluded.event_nid,
    position = excluded.position, forgotten = false`;

const DELETE_EXTREMITIES = 'delete from forward_extremities where room_nid = any($1::bigint[])';

const INSERT_EXTREMITIES = `
  insert into forward_extremities (room_nid, event_nid) select * from unnest($1::bigint[], $2::bigint[])`;

const INSERT_MISSING_PREVS = `
  insert into missing_prev_events (room_nid, prev_event_id, event_nid)
  select * from unnest($1::bigint[], $2::text[], $3::bigint[]) on conflict do nothing`;

const APPLY_REDACTIONS = `
  update events e set redacted_by_nid = r.redaction_nid
  from unnest($1::bigint[], $2::bigint[]) as r (target_nid, redaction_nid)
  where e.event_nid = r.target_nid and e.redacted_by_nid is null`;
