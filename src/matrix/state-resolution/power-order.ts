import type { MatrixEvent } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import { membershipIn, powerLevelsOf } from '../power-levels.ts';
import type { RoomVersionRules } from '../room-version.ts';
import { addTo } from './auth-chains.ts';
import { citedState } from './cited-state.ts';
import type { EventLookup } from './event-lookup.ts';
import { makeHeap } from './heap.ts';

/**
 * True for events that may take power from somebody: power levels, join rules, kicks and bans. Servers agree to count
 * m.room.create as well. https://spec.matrix.org/v1.19/rooms/v2/#definitions
 */
export function isPowerEvent(event: MatrixEvent): boolean {
  switch (event.type) {
    case 'm.room.power_levels':
    case 'm.room.join_rules':
    case 'm.room.create':
      return event.stateKey === '';
    case 'm.room.member': {
      const membership = membershipIn(event.content);
      return (membership === 'leave' || membership === 'ban') && event.sender !== event.stateKey;
    }
    default:
      return false;
  }
}

/**
 * The power events of the full conflicted set, and what their auth chains have in it, where a chain is followed as
 * long as it stays in the set.
 */
export function collectPowerEvents(full: ReadonlySet<EventId>, lookup: EventLookup): ReadonlySet<EventId> {
  const collected = new Set<EventId>();
  const pending = [...full].filter((id) => isPowerEvent(lookup.get(id)));
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (collected.has(id)) continue;
    collected.add(id);
    for (const cited of lookup.get(id).authEvents) if (full.has(cited)) pending.push(cited);
  }
  return collected;
}

interface Candidate {
  readonly event: MatrixEvent;
  readonly senderLevel: number;
}

/**
 * Reverse topological power ordering: an event after those it cites, else by more power of the sender, earlier
 * timestamp, lower id. Kahn's algorithm with a heap.
 * https://spec.matrix.org/v1.19/rooms/v2/#definitions
 */
export function sortByPower(
  ids: ReadonlySet<EventId>,
  lookup: EventLookup,
  rules: RoomVersionRules,
): readonly EventId[] {
  const waitingFor = new Map<EventId, number>();
  const citedBy = new Map<EventId, EventId[]>();
  const ready = makeHeap<Candidate>(comesBefore);
  const release = (event: MatrixEvent): void => {
    ready.push({ event, senderLevel: senderLevelOf(event, lookup, rules) });
  };

  for (const id of ids) {
    const event = lookup.get(id);
    const cited = new Set(event.authEvents.filter((authId) => ids.has(authId)));
    waitingFor.set(id, cited.size);
    for (const authId of cited) addTo(citedBy, authId, id);
    if (cited.size === 0) release(event);
  }

  const sorted: EventId[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    sorted.push(next.event.eventId);
    for (const id of citedBy.get(next.event.eventId) ?? []) {
      const left = (waitingFor.get(id) ?? 0) - 1;
      waitingFor.set(id, left);
      if (left === 0) release(lookup.get(id));
    }
  }
  return sorted;
}

function comesBefore(a: Candidate, b: Candidate): boolean {
  if (a.senderLevel !== b.senderLevel) return a.senderLevel > b.senderLevel;
  if (a.event.originServerTs !== b.event.originServerTs)
    return a.event.originServerTs < b.event.originServerTs;
  return a.event.eventId < b.event.eventId;
}

/** The sender's level by the power levels that the event itself cites; since v12 creators are known by the room id. */
function senderLevelOf(event: MatrixEvent, lookup: EventLookup, rules: RoomVersionRules): number {
  return powerLevelsOf(
    citedState(event, lookup, rules, () => false),
    rules,
  ).userLevel(event.sender);
}
