import type pg from 'pg';
import { hashRequest } from './client-transactions.ts';
import { sendTogether } from './cork.ts';
import type { RoomCommit, RoomCommitResult } from './room-commit.ts';

/** How many positions a batch takes. */
export function countPositions(rooms: readonly RoomCommit[]): number {
  return rooms.reduce((sum, room) => sum + room.events.filter((event) => event.inTimeline).length, 0);
}

/** What a batch may do: the rooms that are as expected, and what was lost to someone else. */
export interface Guards {
  readonly lastPosition: number;
  readonly passed: ReadonlySet<number>;
  readonly losses: ReadonlyMap<number, RoomCommitResult>;
}

/**
 * Opens the transaction, allots the positions, and takes in one statement what only one can have: the rooms' next
 * versions, the futures, the transaction ids.
 */
export async function takeGuards(
  client: pg.PoolClient,
  rooms: readonly RoomCommit[],
  nowMs: number,
): Promise<Guards> {
  const { claims, transactions, parameters } = listGuarded(rooms, nowMs);
  const [, stream, taken] = await sendTogether(client, () =>
    Promise.all([
      client.query('begin'),
      client.query<{ position: number }>(ALLOT, [countPositions(rooms)]),
      client.query<GuardRow>(TAKE_GUARDS, parameters),
    ]),
  );
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
    const key = JSON.stringify([txn.userNid, txn.deviceId, hashRequest(txn)]);
    if (!passed.has(txn.roomNid) || stored.has(key)) continue;
    losses.set(txn.roomNid, { kind: 'repeated', transaction: txn });
  }
  return { lastPosition: stream.rows[0]?.position ?? 0, passed, losses };
}

/**
 * The same, sent by a caller that goes on without waiting for the answers: the allotment resolves with the last position,
 * and whatever comes after the guards in this transaction fails with them, by {@link isGuardFailure}, unless all were taken.
 */
export function sendGuards(
  client: pg.PoolClient,
  rooms: readonly RoomCommit[],
  nowMs: number,
): { readonly allotted: Promise<number>; readonly taken: Promise<unknown> } {
  const { claims, transactions, parameters } = listGuarded(rooms, nowMs);
  const begun = client.query('begin');
  const allotted = client.query<{ position: number }>(ALLOT, [countPositions(rooms)]);
  const taken = client.query(TAKE_ALL_GUARDS, [
    ...parameters,
    rooms.length,
    claims.length,
    transactions.length,
  ]);
  return {
    allotted: Promise.all([begun, allotted]).then(([, { rows }]) => rows[0]?.position ?? 0),
    taken,
  };
}

/** Whether an error says that something was taken by someone else. */
export function isGuardFailure(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === DIVISION_BY_ZERO;
}

function listGuarded(rooms: readonly RoomCommit[], nowMs: number) {
  const claims = rooms.flatMap((room) => room.claims.map((claim) => ({ ...claim, roomNid: room.roomNid })));
  const transactions = rooms.flatMap((room) =>
    room.transactions.map((txn) => ({ ...txn, roomNid: room.roomNid })),
  );
  const parameters = [
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
    transactions.map(hashRequest),
    transactions.map((txn) => JSON.stringify(txn.response)),
    transactions.map((txn) => txn.roomNid),
    nowMs,
  ];
  return { claims, transactions, parameters };
}

interface GuardRow {
  readonly kind: 'room' | 'future' | 'transaction';
  readonly nid: number;
  /** Device and hash of a transaction. */
  readonly key: readonly string[];
}

const ALLOT = 'update stream set position = position + $1 returning position';

/** Rooms whose version is as expected move on by one, new rooms are made; only in those, futures and transaction ids are taken. */
const TAKING = `
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
    update futures f set status = 'sent', finalised_ts = $16, sent_delay_id = w.delay_id, sent_event_id = w.event_id
    from unnest($6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::bigint[])
      as w (future_nid, deadline_ts, delay_id, event_id, room_nid)
      join passed on passed.room_nid = w.room_nid
    where f.future_nid = w.future_nid and f.status = 'pending'
      and (w.deadline_ts is null or f.deadline_ts = w.deadline_ts)
    returning f.future_nid
  ), stored as (
    insert into client_transactions (user_nid, device_id, request, response, created_ts)
    select w.user_nid, w.device_id, decode(w.request, 'hex'), w.response, $16
    from unnest($11::bigint[], $12::text[], $13::text[], $14::text[], $15::bigint[])
      as w (user_nid, device_id, request, response, room_nid)
      join passed on passed.room_nid = w.room_nid
    on conflict do nothing
    returning user_nid, device_id, encode(request, 'hex') as request
  )`;

const TAKE_GUARDS = `${TAKING}
  select 'room' as kind, room_nid as nid, '{}'::text[] as key from passed
  union all select 'future', future_nid, '{}' from claimed
  union all select 'transaction', user_nid, array[device_id, request] from stored`;

/** Fails unless everything was taken: an error is the only thing that stops the statements that are on their way already. */
const TAKE_ALL_GUARDS = `${TAKING}
  select 1 / (
    (select count(*) from passed) = $17::int and (select count(*) from claimed) = $18::int
    and (select count(*) from stored) = $19::int
  )::int`;

const DIVISION_BY_ZERO = '22012';
