import type { MatrixEvent } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import type { Resolution } from './resolution.ts';

/** Finds events and keeps the ids of those it did not find. */
export interface EventLookup {
  readonly find: (id: EventId) => MatrixEvent | undefined;
  /** The event that an earlier step has found. Throws when none did: a bug, not a missing event. */
  readonly get: (id: EventId) => MatrixEvent;
  readonly missing: ReadonlySet<EventId>;
}

export function makeEventLookup(findEvent: (id: EventId) => MatrixEvent | undefined): EventLookup {
  const missing = new Set<EventId>();
  return {
    find: (id) => {
      const event = findEvent(id);
      if (event === undefined) missing.add(id);
      return event;
    },
    get: (id) => {
      const event = findEvent(id);
      if (event === undefined) throw new Error(`state resolution uses ${id}, which it did not ask for`);
      return event;
    },
    missing,
  };
}

/** What to answer while events are missing. */
export function needs(missing: ReadonlySet<EventId>): Resolution {
  return { kind: 'needs', eventIds: [...missing] };
}
