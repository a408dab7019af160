import type { MatrixEvent, StateSlot } from '../matrix/event.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import type { RoomVersionRules } from '../matrix/room-version.ts';
import { LayeredMap } from '../util/layered-map.ts';
import { EMPTY_STATE, type StateRoot } from '../storage/state-node.ts';

/** An event of the room's graph with its interned id. */
export interface RoomEvent {
  readonly event: MatrixEvent;
  readonly nid: number;
}

/** New holders of slots; undefined empties one. */
export type StateDelta = ReadonlyMap<StateSlot, RoomEvent | undefined>;

/** Slots of the current state, as far as it was asked for. */
export type KnownSlots = LayeredMap<StateSlot, RoomEvent | undefined>;

export const NOTHING_KNOWN: KnownSlots = LayeredMap.empty();

/** A state: one that is stored, or what a change makes of another. */
export type StateVersion =
  | { readonly kind: 'stored'; readonly root: StateRoot }
  | { readonly kind: 'changed'; readonly from: StateVersion; readonly delta: StateDelta };

/**
 * A room as decisions are made on it. Never changed: {@link evolve} makes the next one.
 * `known` holds the current state as far as it was asked for: a slot that maps to undefined is known to be empty.
 */
export interface RoomSnapshot {
  readonly roomNid: number;
  /** undefined only before the create event of a room whose id is that event's hash. */
  readonly roomId: RoomId | undefined;
  readonly rules: RoomVersionRules;
  /** `rooms.version` that the snapshot stands for; 0 for a room that is not made yet. */
  readonly version: number;
  /** The forward extremities. */
  readonly tips: readonly RoomEvent[];
  readonly state: StateVersion;
  readonly known: KnownSlots;
  /** Decided on this snapshot's line and not committed yet. */
  readonly uncommitted: ReadonlySet<EventId>;
  /** The annotations among those, by {@link annotationId}. */
  readonly uncommittedAnnotations: ReadonlySet<string>;
}

/** The snapshot of a room before its create event. */
export function emptySnapshot(
  roomNid: number,
  roomId: RoomId | undefined,
  rules: RoomVersionRules,
): RoomSnapshot {
  return {
    roomNid,
    roomId,
    rules,
    version: 0,
    tips: [],
    state: { kind: 'stored', root: EMPTY_STATE },
    known: NOTHING_KNOWN,
    uncommitted: new Set(),
    uncommittedAnnotations: new Set(),
  };
}

/** Whether the snapshot can say who holds a slot. Nothing is unknown of a room that is not made yet. */
export function knows(snapshot: RoomSnapshot, slot: StateSlot): boolean {
  return snapshot.version === 0 || snapshot.known.has(slot);
}

/** The snapshot with more of the current state loaded into it. */
export function withKnown(snapshot: RoomSnapshot, loaded: StateDelta): RoomSnapshot {
  return { ...snapshot, known: snapshot.known.with(loaded) };
}
