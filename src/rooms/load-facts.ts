import type { MatrixEvent, StateMap, StateSlot } from '../matrix/event.ts';
import { readStoredEvent } from '../matrix/event-parsing.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { findRoomVersionRules } from '../matrix/room-version.ts';
import type { Db } from '../storage/database.ts';
import { listCitedMissing, listEventsById, listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { findRoom, listCurrentState, type StateKeys } from '../storage/rooms.ts';
import type { StateRoot } from '../storage/state-node.ts';
import type { StateTrie } from '../storage/state-trie.ts';
import type { KnownEvent } from './decision.ts';
import { NOTHING_KNOWN, type RoomEvent, type RoomSnapshot } from './snapshot.ts';

/** What loading for decisions uses. */
export interface LoadDeps {
  readonly db: Db;
  readonly trie: StateTrie;
  readonly stateKeys: StateKeys;
}

/** A stored event as the protocol sees it. */
export function asMatrixEvent(stored: StoredEvent): MatrixEvent {
  const rules = findRoomVersionRules(stored.roomVersion);
  if (rules === undefined)
    throw new Error(`room ${stored.roomId} has the unknown version ${stored.roomVersion}`);
  return readStoredEvent(stored, rules);
}

/** The room as it is in the database now; undefined when this server does not know it. */
export async function loadSnapshot(deps: LoadDeps, roomId: RoomId): Promise<RoomSnapshot | undefined> {
  const room = await findRoom(deps.db, roomId);
  if (room === undefined) return undefined;
  const rules = findRoomVersionRules(room.roomVersion);
  if (rules === undefined) throw new Error(`room ${roomId} has the unknown version ${room.roomVersion}`);
  const tips = room.extremities.map((tip) => ({
    event: readStoredEvent({ eventId: tip.eventId, roomId, json: tip.json }, rules),
    nid: tip.eventNid,
  }));
  return {
    roomNid: room.roomNid,
    roomId,
    rules,
    version: room.version,
    tips,
    state: { kind: 'stored', root: room.stateRoot },
    known: NOTHING_KNOWN,
    uncommitted: new Set(),
    uncommittedAnnotations: new Set(),
  };
}

/**
 * Who holds some slots of the current state. undefined when the room has moved on from the snapshot's version: the
 * answer would not belong to it.
 */
export async function loadSlots(
  deps: LoadDeps,
  snapshot: RoomSnapshot,
  slots: readonly StateSlot[],
): Promise<Map<StateSlot, RoomEvent | undefined> | undefined> {
  const loaded = new Map<StateSlot, RoomEvent | undefined>(slots.map((slot) => [slot, undefined]));
  const nids = await deps.stateKeys.find(slots);
  const current = await listCurrentState(deps.db, snapshot.roomNid, [...nids.values()]);
  if (current === undefined || current.version !== snapshot.version || snapshot.roomId === undefined)
    return undefined;
  for (const [slot, nid] of nids) {
    const entry = current.entries.get(nid);
    if (entry === undefined) continue;
    const event = readStoredEvent({ ...entry, roomId: snapshot.roomId }, snapshot.rules);
    loaded.set(slot, { event, nid: entry.eventNid });
  }
  return loaded;
}

/** Events by id; one that is not stored maps to undefined. */
export async function loadEvents(
  db: Db,
  eventIds: readonly EventId[],
): Promise<Map<EventId, KnownEvent | undefined>> {
  const loaded = new Map<EventId, KnownEvent | undefined>(eventIds.map((id) => [id, undefined]));
  for (const stored of await listEventsById(db, eventIds)) {
    loaded.set(stored.eventId, {
      event: asMatrixEvent(stored),
      nid: stored.eventNid,
      status: stored.status,
      stateAfter: stored.stateAfter,
    });
  }
  return loaded;
}

/** Those of the events that an accepted event already cites. */
export async function loadCited(
  db: Db,
  roomNid: number,
  eventIds: readonly EventId[],
): Promise<Set<EventId>> {
  return new Set(await listCitedMissing(db, roomNid, eventIds));
}

/** A whole state by root: event id by slot. */
export async function loadState(deps: LoadDeps, root: StateRoot): Promise<StateMap<EventId>> {
  const entries = await deps.trie.listEntries(root);
  const [slots, events] = await Promise.all([
    deps.stateKeys.resolve([...entries.keys()]),
    listEventsByNid(deps.db, [...entries.values()]),
  ]);
  const ids = new Map(events.map((event) => [event.eventNid, event.eventId]));
  return new Map(
    [...entries].flatMap(([key, eventNid]): [StateSlot, EventId][] => {
      const slot = slots.get(key);
      const eventId = ids.get(eventNid);
      return slot === undefined || eventId === undefined ? [] : [[slot, eventId]];
    }),
  );
}
