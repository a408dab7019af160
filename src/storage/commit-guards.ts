import type pg from 'pg';
import type { EventId } from '../matrix/identifiers.ts';
import { SENT_NO_EVENT } from './client-transactions.ts';
import { arraysOf, sourceOf, valuesIn, type Columns } from './columns.ts';
import {
  CLAIM_COLUMNS,
  countPositions,
  EVENT_COLUMNS,
  listGuarded,
  PLACE_OUTLIER,
  REQUEST_COLUMNS,
  requestKey,
  ROOM_COLUMNS,
  TRANSACTION_COLUMNS,
  type Guarded,
  type PlacedEvent,
  type RoomRequest,
} from './commit-rows.ts';
import { sendTogether } from './cork.ts';
import type { RoomCommit, RoomCommitResult } from './room-commit.ts';

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
  const guarded = listGuarded(rooms, nowMs);
  const shape = shapeOf(guarded, false);
  const [, stream, taken, repeated] = await sendTogether(client, () =>
    Promise.all([
      client.query('begin'),
      client.query<{ position: number }>('update stream set position = position + $1 returning position', [
        countPositions(rooms),
      ]),
      client.query<GuardRow>(guardText(shape), guardValues(guarded, shape)),
      client.query<RepeatedRow>(FIND_REPEATED, arraysOf(REQUEST_COLUMNS, guarded.requests)),
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
  for (const claim of guarded.claims) {
    if (!passed.has(claim.roomNid) || claimed.has(claim.futureNid)) continue;
    losses.set(claim.roomNid, { kind: 'claim-lost', futureNid: claim.futureNid });
  }
  for (const transaction of guarded.transactions) {
    if (!passed.has(transaction.roomNid) || stored.has(requestKey(transaction))) continue;
    losses.set(transaction.roomNid, { kind: 'repeated', transaction });
  }
  for (const [roomNid, loss] of listRepeated(guarded.requests, repeated.rows))
    if (passed.has(roomNid)) losses.set(roomNid, loss);
  return { lastPosition: stream.rows[0]?.position ?? 0, passed, losses };
}

interface RepeatedRow {
  readonly event_nid: number;
  /** What the request sent before. */
  readonly event_id: EventId;
}

const FIND_REPEATED = `
  select w.event_nid, e.event_id
  from ${sourceOf(REQUEST_COLUMNS, 1)} join events e on e.session_nid = w.session_nid and e.request = w.request`;

/** The rooms with requests that have sent an event before, and those with one that is in another room of the batch as well. */
function listRepeated(
  requests: readonly RoomRequest[],
  rows: readonly RepeatedRow[],
): Map<number, RoomCommitResult> {
  const sent = new Map(rows.map((row) => [row.event_nid, row.event_id]));
  const seen = new Set<string>();
  const losses = new Map<number, RoomCommitResult>();
  for (const request of requests) {
    const eventId = sent.get(request.eventNid);
    const name = `${request.sessionNid} ${request.request}`;
    if (eventId !== undefined) {
      losses.set(request.roomNid, {
        kind: 'repeated',
        transaction: request,
        response: { event_id: eventId },
      });
    } else if (seen.has(name)) {
      // Paths that were searched for until they had the same number: the other goes first.
      losses.set(request.roomNid, { kind: 'stale' });
    }
    seen.add(name);
  }
  return losses;
}

/**
 * All of that and the events in one statement, which is a transaction by itself where nothing else belongs to it. Resolves
 * with the last position; fails, by {@link isGuardFailure}, unless everything was taken.
 */
export async function sendHead(
  client: pg.PoolClient,
  rooms: readonly RoomCommit[],
  events: readonly PlacedEvent[],
  nowMs: number,
): Promise<number> {
  const guarded = listGuarded(rooms, nowMs);
  const shape = shapeOf(guarded, events.length > 0);
  const { rows } = await client.query<{ position: number }>(headText(shape), [
    ...guardValues(guarded, shape),
    countPositions(rooms),
    ...(shape.events ? arraysOf(EVENT_COLUMNS, events) : []),
  ]);
  return rows[0]?.position ?? 0;
}

/** Whether an error says that something was taken by someone else. */
export function isGuardFailure(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  if (error.code === UNIQUE_VIOLATION) return 'constraint' in error && error.constraint === REQUESTS;
  return error.code === DIVISION_BY_ZERO;
}

const DIVISION_BY_ZERO = '22012';
const UNIQUE_VIOLATION = '23505';
/** The index by which an event knows its request. */
const REQUESTS = 'events_by_request';

interface GuardRow {
  readonly kind: 'room' | 'future' | 'transaction';
  readonly nid: number;
  /** Device and hash of a transaction. */
  readonly key: readonly string[];
}

/** Which kinds of rows there are: a statement has parts for no others. */
interface Shape {
  readonly makesRooms: boolean;
  readonly claims: boolean;
  readonly transactions: boolean;
  readonly events: boolean;
}

function shapeOf({ rooms, claims, transactions }: Guarded, events: boolean): Shape {
  return {
    makesRooms: rooms.some((room) => room.expectedVersion === 0),
    claims: claims.length > 0,
    transactions: transactions.length > 0,
    events,
  };
}

const guardText = writtenOnce(writeGuards);
const headText = writtenOnce(writeHead);

function writtenOnce(write: (shape: Shape) => string): (shape: Shape) => string {
  const texts = new Map<string, string>();
  return (shape) => {
    const key = Object.values(shape).join();
    let text = texts.get(key);
    if (text === undefined) texts.set(key, (text = write(shape)));
    return text;
  };
}

/** In the order in which {@link writeTaking} numbers them. */
function guardValues({ rooms, claims, transactions }: Guarded, shape: Shape): unknown[] {
  return [
    ...arraysOf(ROOM_COLUMNS, rooms),
    ...(shape.claims ? arraysOf(CLAIM_COLUMNS, claims) : []),
    ...(shape.transactions ? arraysOf(TRANSACTION_COLUMNS, transactions) : []),
  ];
}

/** Numbers the parameters of a statement. */
class Parameters {
  #next = 1;

  /** Rows, and how many they are. */
  rows<Row>(columns: Columns<Row>): { readonly source: string; readonly count: string } {
    const first = this.#next;
    this.#next += Object.keys(columns).length;
    return { source: sourceOf(columns, first), count: `cardinality($${first})` };
  }

  one(): string {
    this.#next += 1;
    return `$${this.#next - 1}`;
  }
}

interface Taking {
  /** Parts of a `with`, and after them the names of what they give. */
  readonly parts: readonly string[];
  /** Conditions that hold when everything was taken. */
  readonly checks: readonly string[];
}

/**
 * Rooms whose version is as expected move on by one, new rooms are made; only in those, futures and transaction ids are
 * taken. What `first` names is done before.
 */
function writeTaking(shape: Shape, parameters: Parameters, first?: string): Taking {
  const rooms = parameters.rows(ROOM_COLUMNS);
  const parts = [
    `wanted as (select w.* from ${first === undefined ? '' : `${first}, `}${rooms.source})`,
    `moved as (
      update rooms r set version = r.version + 1, state_root = decode(w.state_root, 'hex'),
        extremities = w.extremities::bigint[]
      from wanted w where r.room_nid = w.room_nid and r.version = w.version and w.version > 0
      returning r.room_nid
    )`,
    ...(shape.makesRooms ? [MADE] : []),
    `passed as (select room_nid from moved ${shape.makesRooms ? 'union all select room_nid from made' : ''})`,
  ];
  const checks = [`(select count(*) from passed) = ${rooms.count}`];
  if (shape.claims) {
    const claims = parameters.rows(CLAIM_COLUMNS);
    parts.push(`claimed as (
      update futures f set status = 'sent', finalised_ts = w.finalised_ts, sent_delay_id = w.delay_id,
        sent_event_id = w.event_id
      from ${claims.source} join passed on passed.room_nid = w.room_nid
      where f.future_nid = w.future_nid and f.status = 'pending'
        and (w.deadline_ts is null or f.deadline_ts = w.deadline_ts)
      returning f.future_nid
    )`);
    checks.push(`(select count(*) from claimed) = ${claims.count}`);
  }
  if (shape.transactions) {
    const transactions = parameters.rows(TRANSACTION_COLUMNS);
    parts.push(`stored as (
      insert into client_transactions (user_nid, device_id, request, response, created_ts)
      select w.user_nid, w.device_id, decode(w.request, 'hex'), w.response, w.created_ts
      from ${transactions.source} join passed on passed.room_nid = w.room_nid
      where ${SENT_NO_EVENT}
      on conflict do nothing
      returning user_nid, device_id, encode(request, 'hex') as request
    )`);
    checks.push(`(select count(*) from stored) = ${transactions.count}`);
  }
  return { parts, checks };
}

const MADE = `
    made as (
      insert into rooms (room_nid, room_id, room_version, version, state_root, extremities)
      select room_nid, room_id, room_version, 1, decode(state_root, 'hex'), extremities::bigint[]
      from wanted where version = 0
      on conflict do nothing
      returning room_nid
    )`;

/** Says what was taken. */
function writeGuards(shape: Shape): string {
  const { parts } = writeTaking(shape, new Parameters());
  const taken = ["select 'room' as kind, room_nid as nid, '{}'::text[] as key from passed"];
  if (shape.claims) taken.push("select 'future', future_nid, '{}' from claimed");
  if (shape.transactions) taken.push("select 'transaction', user_nid, array[device_id, request] from stored");
  return `with ${parts.join(', ')} ${taken.join(' union all ')}`;
}

/**
 * Fails unless everything was taken, and where a request has sent an event before: an error is the only thing that stops
 * statements that are on their way already. Parts run in the order in which they need each other: no row is locked
 * before that of the stream, and no event is stored before all is checked.
 */
function writeHead(shape: Shape): string {
  const parameters = new Parameters();
  const { parts, checks } = writeTaking(shape, parameters, 'allotted');
  const all = [
    `allotted as (update stream set position = position + ${parameters.one()} returning position)`,
    ...parts,
    `checked as (select position, 1 / (${checks.join(' and ')})::int as passed from allotted)`,
  ];
  if (shape.events) {
    all.push(`added as (
      insert into events (${Object.keys(EVENT_COLUMNS).join(', ')})
      select ${valuesIn(EVENT_COLUMNS, 'checked.position')}
      from checked, ${parameters.rows(EVENT_COLUMNS).source} where checked.passed = 1 ${PLACE_OUTLIER}
    )`);
  }
  return `with ${all.join(', ')} select position from checked where passed = 1`;
}
