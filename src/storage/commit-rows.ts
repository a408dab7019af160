import { hashRequest, type ClientTransactionKey } from './client-transactions.ts';
import type { Columns } from './columns.ts';
import type { FutureClaim } from './future-commit.ts';
import { packJson } from './packed-json.ts';
import type { EventToInsert, RoomCommit, SendingRequest } from './room-commit.ts';

/**
 * How far from the newest position of the commit each event of each room is placed, in order; undefined for what is in no
 * timeline. The database adds the position itself, so that a commit can be written before it is known.
 */
export type Places = ReadonlyMap<number, readonly (number | undefined)[]>;

/** How many positions a batch takes. */
export function countPositions(rooms: readonly RoomCommit[]): number {
  return rooms.reduce((sum, room) => sum + room.events.filter((event) => event.inTimeline).length, 0);
}

/** Deals out the allotted positions to the timeline events, in order, up to the last. */
export function placeEvents(rooms: readonly RoomCommit[]): Places {
  let left = countPositions(rooms);
  return new Map(
    rooms.map((room) => [
      room.roomNid,
      room.events.map((event) => {
        if (!event.inTimeline) return undefined;
        left -= 1;
        return left;
      }),
    ]),
  );
}

export interface PlacedEvent {
  readonly event: EventToInsert;
  readonly place: number | null;
  /** The request that sent it, as a number. */
  readonly request: string | null;
}

/** The events of a batch with their places and requests. */
export function listPlaced(rooms: readonly RoomCommit[], places: Places): PlacedEvent[] {
  return rooms.flatMap((room) => {
    const requests = new Map(room.requests.map((request) => [request.eventNid, request.request]));
    return room.events.map((event, index) => ({
      event,
      place: places.get(room.roomNid)?.[index] ?? null,
      request: requests.get(event.event_nid) ?? null,
    }));
  });
}

interface OfRoom {
  readonly roomNid: number;
  readonly nowMs: number;
}

/** A future that an event of a room comes from. */
export type RoomClaim = FutureClaim & OfRoom;
/** A request that is answered with what a room's commit brings. */
export type RoomTransaction = RoomCommit['transactions'][number] & OfRoom;

/** A request that is answered with an event of a room's commit. */
export type RoomRequest = SendingRequest & OfRoom;

/** What only one commit can have. */
export interface Guarded {
  readonly rooms: readonly RoomCommit[];
  readonly claims: readonly RoomClaim[];
  readonly transactions: readonly RoomTransaction[];
  readonly requests: readonly RoomRequest[];
}

/** Gathers it from a batch that is committed at `nowMs`. */
export function listGuarded(rooms: readonly RoomCommit[], nowMs: number): Guarded {
  return {
    rooms,
    claims: rooms.flatMap(({ roomNid, claims }) => claims.map((claim) => ({ roomNid, nowMs, ...claim }))),
    transactions: rooms.flatMap(({ roomNid, transactions }) =>
      transactions.map((transaction) => ({ roomNid, nowMs, ...transaction })),
    ),
    requests: rooms.flatMap(({ roomNid, requests }) =>
      requests.map((request) => ({ roomNid, nowMs, ...request })),
    ),
  };
}

/** Tells requests apart, as the database does. */
export function requestKey(transaction: ClientTransactionKey): string {
  return JSON.stringify([transaction.userNid, transaction.deviceId, hashRequest(transaction)]);
}

export const ROOM_COLUMNS: Columns<RoomCommit> = {
  room_nid: { type: 'bigint', of: (room) => room.roomNid },
  room_id: { type: 'text', of: (room) => room.roomId },
  room_version: { type: 'text', of: (room) => room.roomVersion },
  version: { type: 'bigint', of: (room) => room.expectedVersion },
  state_root: { type: 'hex', of: (room) => room.stateRoot },
  extremities: { type: 'bigints', of: (room) => `{${room.extremities.join(',')}}` },
};

export const CLAIM_COLUMNS: Columns<RoomClaim> = {
  room_nid: { type: 'bigint', of: (claim) => claim.roomNid },
  future_nid: { type: 'bigint', of: (claim) => claim.futureNid },
  deadline_ts: { type: 'bigint', of: (claim) => claim.expectedDeadlineTs ?? null },
  delay_id: { type: 'text', of: (claim) => claim.delayId },
  event_id: { type: 'text', of: (claim) => claim.sentEventId },
  finalised_ts: { type: 'bigint', of: (claim) => claim.nowMs },
};

export const TRANSACTION_COLUMNS: Columns<RoomTransaction> = {
  room_nid: { type: 'bigint', of: (transaction) => transaction.roomNid },
  user_nid: { type: 'bigint', of: (transaction) => transaction.userNid },
  device_id: { type: 'text', of: (transaction) => transaction.deviceId },
  request: { type: 'hex', of: hashRequest },
  response: { type: 'text', of: (transaction) => JSON.stringify(transaction.response) },
  created_ts: { type: 'bigint', of: (transaction) => transaction.nowMs },
};

export const REQUEST_COLUMNS: Columns<RoomRequest> = {
  room_nid: { type: 'bigint', of: (request) => request.roomNid },
  session_nid: { type: 'bigint', of: (request) => request.sessionNid },
  event_nid: { type: 'bigint', of: (request) => request.eventNid },
  request: { type: 'bigint', of: (request) => request.request },
};

export const EVENT_COLUMNS: Columns<PlacedEvent> = {
  event_nid: { type: 'bigint', of: ({ event }) => event.event_nid },
  event_id: { type: 'text', of: ({ event }) => event.event_id },
  room_nid: { type: 'bigint', of: ({ event }) => event.room_nid },
  position: { type: 'place', of: ({ place }) => place },
  status: { type: 'smallint', of: ({ event }) => event.status },
  depth: { type: 'bigint', of: ({ event }) => event.depth },
  origin_server_ts: { type: 'bigint', of: ({ event }) => event.origin_server_ts },
  sender_nid: { type: 'bigint', of: ({ event }) => event.sender_nid },
  type: { type: 'text', of: ({ event }) => event.type },
  state_key_nid: { type: 'bigint', of: ({ event }) => event.state_key_nid },
  state_before: { type: 'hex', of: ({ event }) => event.state_before },
  state_after: { type: 'hex', of: ({ event }) => event.state_after },
  replaces_nid: { type: 'bigint', of: ({ event }) => event.replaces_nid },
  redacted_by_nid: { type: 'bigint', of: ({ event }) => event.redacted_by_nid },
  redacts: { type: 'text', of: ({ event }) => event.redacts },
  session_nid: { type: 'bigint', of: ({ event }) => event.session_nid },
  txn_id: { type: 'text', of: ({ event }) => event.txn_id },
  request: { type: 'bigint', of: ({ request }) => request },
  delay_id: { type: 'text', of: ({ event }) => event.delay_id },
  rejection: { type: 'text', of: ({ event }) => event.rejection },
  json: { type: 'base64', of: ({ event }) => packJson(event.json).toString('base64') },
};

/** An outlier that is given a place keeps its row. */
export const PLACE_OUTLIER = `
  on conflict (event_nid) do update set position = excluded.position, status = excluded.status,
    state_before = excluded.state_before, state_after = excluded.state_after, replaces_nid = excluded.replaces_nid,
    rejection = excluded.rejection`;
