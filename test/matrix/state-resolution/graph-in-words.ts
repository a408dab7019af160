import { authEventSlots } from '../../../src/matrix/auth-events.ts';
import { type AuthVerdict, checkAuthRules } from '../../../src/matrix/auth-rules/auth-rules.ts';
import { type MatrixEvent, stateSlot, type StateMap, type StateSlot } from '../../../src/matrix/event.ts';
import type { EventId } from '../../../src/matrix/identifiers.ts';
import { getRoomVersionRules, type RoomVersion } from '../../../src/matrix/room-version.ts';
import { resolveState } from '../../../src/matrix/state-resolution/resolve-state.ts';
import { buildEvent, createIdOf, type EventInWords, toEventId } from '../auth-rules/room-in-words.ts';

/** A room under test: events by short names, and the state after each of them. */
export interface Graph {
  readonly events: ReadonlyMap<EventId, MatrixEvent>;
  /** Adds a state event after others, citing what the state before it has; throws when it is not allowed there. */
  readonly add: (name: string, event: EventInWords, after: readonly string[]) => void;
  /** Adds it where it is allowed; false where it is not. */
  readonly tryAdd: (name: string, event: EventInWords, after: readonly string[]) => boolean;
  /** The state after the event. */
  readonly stateAfter: (name: string) => StateMap<EventId>;
  /** The names of the events in the state that the states after these events resolve to. */
  readonly resolve: (names: readonly string[]) => ReadonlySet<string>;
}

/** An empty room. The event named `create` gets the id that the room version asks for. Each event is a millisecond later. */
export function makeGraph(version: RoomVersion): Graph {
  const rules = getRoomVersionRules(version);
  const events = new Map<EventId, MatrixEvent>();
  const states = new Map<EventId, StateMap<EventId>>();
  const idOf = (name: string): EventId => toEventId(name === 'create' ? createIdOf(version) : `$${name}`);
  const nameOf = (id: EventId): string => (id === idOf('create') ? 'create' : id.slice(1));
  const resolveAfter = (ids: readonly EventId[]): StateMap<EventId> =>
    resolveAll(
      version,
      ids.map((id) => get(states, id)),
      events,
    );

  const place = (name: string, words: EventInWords, after: readonly string[]): AuthVerdict => {
    const before = resolveAfter(after.map(idOf));
    const authEvents = authEventSlots(buildEvent(words, version), rules).flatMap(
      (slot) => before.get(slot) ?? [],
    );
    const prevEvents = after.map(idOf);
    const depth = 1 + Math.max(0, ...prevEvents.map((id) => get(events, id).depth));
    const eventId = idOf(name);
    const event = buildEvent({ ts: events.size, depth, ...words, prevEvents, authEvents, eventId }, version);
    const find = (slot: StateSlot): MatrixEvent | undefined => {
      const id = before.get(slot);
      return id === undefined ? undefined : events.get(id);
    };
    const verdict = checkAuthRules(event, find, rules);
    if (!verdict.allowed) return verdict;
    events.set(eventId, event);
    states.set(eventId, new Map([...before, [stateSlot(event.type, event.stateKey ?? ''), eventId]]));
    return verdict;
  };

  return {
    events,
    stateAfter: (name) => get(states, idOf(name)),
    resolve: (names) => new Set([...resolveAfter(names.map(idOf)).values()].map(nameOf)),
    tryAdd: (name, words, after) => place(name, words, after).allowed,
    add: (name, words, after) => {
      const verdict = place(name, words, after);
      if (!verdict.allowed) throw new Error(`${name} is not allowed there: ${verdict.reason}`);
    },
  };
}

function get<T>(map: ReadonlyMap<EventId, T>, id: EventId): T {
  const value = map.get(id);
  if (value === undefined) throw new Error(`the graph has no ${id}`);
  return value;
}

/** Resolves with all events at hand. Throws when something is missing all the same. */
export function resolveAll(
  version: RoomVersion,
  stateSets: readonly StateMap<EventId>[],
  events: ReadonlyMap<EventId, MatrixEvent>,
  isRejected: (id: EventId) => boolean = () => false,
): StateMap<EventId> {
  const resolution = resolveState({
    rules: getRoomVersionRules(version),
    stateSets,
    findEvent: (id) => events.get(id),
    isRejected,
  });
  if (resolution.kind === 'needs') throw new Error(`missing: ${resolution.eventIds.join(', ')}`);
  return resolution.state;
}

/** The state that consists of these events. */
export function stateOf(events: readonly MatrixEvent[]): StateMap<EventId> {
  return new Map(events.map((event) => [stateSlot(event.type, event.stateKey ?? ''), event.eventId]));
}
