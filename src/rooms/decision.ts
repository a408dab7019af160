import type { MatrixError } from '../matrix/errors.ts';
import type { MatrixEvent, StateMap, StateSlot } from '../matrix/event.ts';
import type { EventId, ServerName } from '../matrix/identifiers.ts';
import type { SigningKey } from '../matrix/signing-key.ts';
import type { EventStatus } from '../storage/events.ts';
import type { StateRoot } from '../storage/state-node.ts';
import { annotationId, annotationOf, type Annotation } from './annotations.ts';
import type { LocalIntent } from './intent.ts';
import type { RoomEvent, RoomSnapshot, StateDelta, StateVersion } from './snapshot.ts';

/** Who we are when we build events. */
export interface Identity {
  readonly serverName: ServerName;
  readonly key: SigningKey;
}

/** An event that is stored already, as decisions about others need it. */
export interface KnownEvent extends RoomEvent {
  readonly status: EventStatus;
  /** undefined for outliers. */
  readonly stateAfter: StateRoot | undefined;
}

/** What was loaded for one proposal; an event that maps to undefined is not in the database. */
export interface Facts {
  readonly events: ReadonlyMap<EventId, KnownEvent | undefined>;
  readonly states: ReadonlyMap<StateRoot, StateMap<EventId>>;
  /** Ids that some accepted event already cites: such a late event is no forward extremity. */
  readonly cited: ReadonlySet<EventId>;
  /** Annotations by {@link annotationId}: whether they are there. */
  readonly annotations: ReadonlyMap<string, boolean>;
}

/** What a decision lacks. The caller loads it and asks again; `flush` asks for a commit of what was decided so far. */
export interface NeedsMore {
  readonly kind: 'needs';
  readonly slots?: readonly StateSlot[];
  readonly events?: readonly EventId[];
  readonly states?: readonly StateRoot[];
  readonly annotation?: Annotation;
  readonly flush?: boolean;
}

/** One event with all that follows from it. */
export interface RoomChange {
  readonly kind: 'change';
  readonly event: MatrixEvent;
  readonly nid: number;
  readonly status: EventStatus;
  readonly reason: string | undefined;
  /** undefined for outliers. */
  readonly stateBefore: StateVersion | undefined;
  readonly stateAfter: StateVersion | undefined;
  /** What the event replaced in the state before it. */
  readonly replaces: RoomEvent | undefined;
  /** The current state afterwards, and where it differs from the one before. */
  readonly currentState: StateVersion;
  readonly currentDelta: StateDelta;
  readonly tips: readonly RoomEvent[];
  /** The event that this one, a redaction, redacts now. */
  readonly redactsNow: RoomEvent | undefined;
  readonly intent: LocalIntent | undefined;
}

export type Decision =
  | RoomChange
  /** The state is so already: the event that made it. */
  | { readonly kind: 'unchanged'; readonly current: RoomEvent }
  /** The room allows the event, and it is not to be there all the same. */
  | { readonly kind: 'pretended'; readonly made: RoomEvent }
  /** The event is in the database already. */
  | { readonly kind: 'known'; readonly known: KnownEvent }
  | { readonly kind: 'refused'; readonly error: MatrixError }
  | { readonly kind: 'missing'; readonly eventIds: readonly EventId[] }
  | NeedsMore;

/** The snapshot after a change. */
export function evolve(snapshot: RoomSnapshot, change: RoomChange): RoomSnapshot {
  const annotation = change.intent && annotationOf(change.intent);
  return {
    ...snapshot,
    roomId: change.event.roomId,
    tips: change.tips,
    state: change.currentState,
    known: change.currentDelta.size === 0 ? snapshot.known : snapshot.known.with(change.currentDelta),
    uncommitted: new Set([...snapshot.uncommitted, change.event.eventId]),
    uncommittedAnnotations:
      annotation === undefined
        ? snapshot.uncommittedAnnotations
        : new Set([...snapshot.uncommittedAnnotations, annotationId(annotation)]),
  };
}
