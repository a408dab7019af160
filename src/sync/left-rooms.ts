import { admitsRoom, admitsRoomEvent, limitOf } from '../matrix/filters.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { readableEvent } from '../rooms/client-events.ts';
import { membershipOf } from '../rooms/room-access.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { listReplacedChain } from '../storage/state-events.ts';
import type { JsonObject } from '../util/json.ts';
import { mapTogether } from './map-together.ts';
import type { SyncPart, SyncProvider, SyncScope } from './provider.ts';
import { listStateUpdates, renderRoom } from './room-state.ts';
import { hasLeft, type Standing } from './standings.ts';
import { findStateChange } from './state-change.ts';
import { readTimeline, type Timeline } from './timeline.ts';

/**
 * The rooms that the user left or was removed from: when that happened, and all of them to a client that knows nothing
 * and asks for them. They end with the event by which the user left.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync_response-200_left-room
 */
export const leftRooms: SyncProvider = {
  initial: async (scope) => (scope.filter.room.includeLeave ? readRooms(scope, undefined) : {}),
  since: (scope, since) => readRooms(scope, since),
};

async function readRooms(scope: SyncScope, since: number | undefined): Promise<SyncPart> {
  const left = scope.standings.changed.filter(
    (room) => hasLeft(room) && admitsRoom(scope.filter.room, room.roomId),
  );
  if (left.length === 0) return {};
  const bodies = await mapTogether(left, async (room): Promise<[RoomId, JsonObject]> => [
    room.roomId,
    await readRoom(scope, room, since),
  ]);
  return { rooms: { leave: new Map(bodies) } };
}

async function readRoom(scope: SyncScope, room: Standing, since: number | undefined): Promise<JsonObject> {
  const departure = await findDeparture(scope, room);
  // Who was not in the room, or has been told of leaving it, learns what they are now and nothing of the room.
  if (departure === undefined || departure <= (since ?? -Infinity)) return readMembershipOnly(scope, room);
  const after = room.before === 'join' ? since : undefined;
  const read = await readTimeline(scope, room, { after, upTo: departure });
  const own = await findOwnEvent(scope, room);
  // A ban may follow the leave.
  const isLater = own?.position !== undefined && own.position > departure;
  const timeline: Timeline = {
    ...read,
    events: isLater ? [...read.events, ...listAdmitted(scope, room, own)] : read.events,
    isLimited: read.isLimited || (since !== undefined && after === undefined),
  };
  const change = await findStateChange(scope, {
    roomNid: room.roomNid,
    since: after,
    end: departure,
    timeline,
  });
  const withOwn =
    isLater && scope.stateAfter !== undefined ? withUpdate(change.updates, own) : change.updates;
  const state = await listStateUpdates(
    scope,
    room,
    { ...change, updates: withOwn },
    { timeline, heroes: [] },
  );
  return renderRoom(scope, timeline, state);
}

/** The room as somebody sees it who was only invited, or banned from afar. */
async function readMembershipOnly(scope: SyncScope, room: Standing): Promise<JsonObject> {
  const own = await findOwnEvent(scope, room);
  const events = own === undefined ? [] : listAdmitted(scope, room, own);
  const timeline = { events, isLimited: false, start: room.position - 1 };
  const state = own === undefined || scope.stateAfter === undefined ? [] : [own];
  return renderRoom(scope, timeline, state);
}

/** Where the last time in the room ended; undefined for who never was in it. */
async function findDeparture(scope: SyncScope, room: Standing): Promise<number | undefined> {
  const chain = await listReplacedChain(scope.deps.db, room.eventNid);
  const join = chain.findIndex((link) => membershipOf(link) === 'join');
  return join < 1 ? undefined : (chain[join - 1]?.position ?? room.position);
}

async function findOwnEvent(scope: SyncScope, room: Standing): Promise<StoredEvent | undefined> {
  return (await listEventsByNid(scope.deps.db, [room.eventNid]))[0];
}

function listAdmitted(scope: SyncScope, room: Standing, own: StoredEvent): StoredEvent[] {
  const filter = scope.filter.room.timeline;
  const isAdmitted =
    limitOf(filter, 1, 1) > 0 && admitsRoomEvent(filter, room.roomId, readableEvent(own).event);
  return isAdmitted ? [own] : [];
}

function withUpdate(updates: ReadonlyMap<number, number>, own: StoredEvent): ReadonlyMap<number, number> {
  return own.stateKeyNid === undefined ? updates : new Map([...updates, [own.stateKeyNid, own.eventNid]]);
}
