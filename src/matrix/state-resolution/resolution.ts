import type { MatrixEvent, StateMap } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import type { RoomVersionRules } from '../room-version.ts';

/** The states to bring together, and where the events they name are found. */
export interface ResolutionInput {
  readonly rules: RoomVersionRules;
  readonly stateSets: readonly StateMap<EventId>[];
  readonly findEvent: (id: EventId) => MatrixEvent | undefined;
  /** Asked only of events that {@link findEvent} has found. */
  readonly isRejected: (id: EventId) => boolean;
}

/** The one state, or the events to load before asking again: as many as can be named at once, none twice. */
export type Resolution =
  | { readonly kind: 'resolved'; readonly state: StateMap<EventId> }
  | { readonly kind: 'needs'; readonly eventIds: readonly EventId[] };
