import type { MatrixEvent } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import type { EventLookup } from './event-lookup.ts';

/**
 * Mainline ordering: events by how far along the history of the power levels in force they were sent, then by
 * timestamp, then by id. https://spec.matrix.org/v1.19/rooms/v2/#definitions
 *
 *   mainline   P0 (in force) ──► P1 ──► P2 (first)
 *   position    0                1      2             ∞ for an event whose power levels never reach the mainline
 *
 * Events of a higher position come first.
 */
export function sortByMainline(
  ids: readonly EventId[],
  powerLevelsId: EventId | undefined,
  lookup: EventLookup,
): readonly EventId[] {
  const positions = mainlineOf(powerLevelsId, lookup);
  const placed = ids.map((id) => {
    const event = lookup.get(id);
    return { event, position: findPosition(event, positions, lookup) };
  });
  placed.sort((a, b) => {
    if (a.position !== b.position) return a.position > b.position ? -1 : 1;
    if (a.event.originServerTs !== b.event.originServerTs)
      return a.event.originServerTs - b.event.originServerTs;
    return a.event.eventId < b.event.eventId ? -1 : 1;
  });
  return placed.map(({ event }) => event.eventId);
}

function mainlineOf(powerLevelsId: EventId | undefined, lookup: EventLookup): Map<EventId, number> {
  const positions = new Map<EventId, number>();
  let current = powerLevelsId === undefined ? undefined : lookup.get(powerLevelsId);
  while (current !== undefined && !positions.has(current.eventId)) {
    positions.set(current.eventId, positions.size);
    current = findCitedPowerLevels(current, lookup);
  }
  return positions;
}

/**
 * Where the power levels that the event cites, or those that these cite, meet the mainline. Adds what it learnt about
 * power levels off the mainline to `positions`, so that no stretch is walked twice.
 */
function findPosition(event: MatrixEvent, positions: Map<EventId, number>, lookup: EventLookup): number {
  const walked: EventId[] = [];
  let current = findCitedPowerLevels(event, lookup);
  while (current !== undefined && !positions.has(current.eventId)) {
    positions.set(current.eventId, Infinity);
    walked.push(current.eventId);
    current = findCitedPowerLevels(current, lookup);
  }
  const position = current === undefined ? Infinity : (positions.get(current.eventId) ?? Infinity);
  for (const id of walked) positions.set(id, position);
  return position;
}

function findCitedPowerLevels(event: MatrixEvent, lookup: EventLookup): MatrixEvent | undefined {
  for (const id of event.authEvents) {
    const cited = lookup.get(id);
    if (cited.type === 'm.room.power_levels' && cited.stateKey === '') return cited;
  }
  return undefined;
}
