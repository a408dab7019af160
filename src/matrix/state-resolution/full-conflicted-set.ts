import { authEventSlots, findCreateEventId } from '../auth-events.ts';
import type { EventId } from '../identifiers.ts';
import { POWER_LEVELS_SLOT } from '../power-levels.ts';
import type { RoomVersionRules } from '../room-version.ts';
import { findAuthDifference, findConflictedSubgraph, walkAuthChain } from './auth-chains.ts';
import type { Conflicts } from './conflicts.ts';
import { type EventLookup, makeEventLookup } from './event-lookup.ts';
import type { ResolutionInput } from './resolution.ts';

/** All that is to be replayed, or what must be loaded to know it. */
export type FullConflictedSet =
  | { readonly ids: ReadonlySet<EventId> }
  | { readonly missing: ReadonlySet<EventId> };

/**
 * The conflicted events, the auth difference, and since v2.1 the conflicted subgraph; with them at hand, everything
 * that replaying them reads. https://spec.matrix.org/v1.19/rooms/v12/#definitions
 */
export function findFullConflictedSet(conflicts: Conflicts, input: ResolutionInput): FullConflictedSet {
  const { rules, findEvent } = input;
  const conflicted = new Set([...conflicts.conflicted.values()].flatMap((ids) => [...ids]));

  const chains = makeEventLookup(findEvent);
  walkAuthChain(conflicted, chains);
  lookUpCreate(conflicted, rules, chains);
  if (chains.missing.size > 0) return chains;

  const conflictedBySet = input.stateSets.map(
    (state) => new Set([...state.values()].filter((id) => conflicted.has(id))),
  );
  const found = findAuthDifference(conflictedBySet, conflicts.unconflicted, makeEventLookup(findEvent));
  if ('missing' in found) return found;

  const usesSubgraph = rules.stateResolution === 'v2.1';
  const subgraph = usesSubgraph ? findConflictedSubgraph(conflicted, chains) : [];
  const ids = new Set([...conflicted, ...found.difference, ...subgraph]);

  const replay = makeEventLookup(findEvent);
  if (!usesSubgraph) lookUpUnconflicted(ids, conflicts, rules, replay);
  return replay.missing.size > 0 ? replay : { ids };
}

/** Since v12 no auth chain leads to the create event; the room id does. */
function lookUpCreate(ids: Iterable<EventId>, rules: RoomVersionRules, lookup: EventLookup): void {
  if (!rules.roomIdIsCreateHash) return;
  for (const id of ids) {
    const event = lookup.find(id);
    const createId = event === undefined ? undefined : findCreateEventId(event.roomId);
    if (createId !== undefined) lookup.find(createId);
  }
}

/** What replaying reads of the unconflicted state: the slots that authorise, and the history of its power levels. */
function lookUpUnconflicted(
  ids: Iterable<EventId>,
  { unconflicted }: Conflicts,
  rules: RoomVersionRules,
  lookup: EventLookup,
): void {
  for (const id of ids) {
    const event = lookup.find(id);
    const slots = event === undefined ? [] : authEventSlots(event, rules);
    for (const slot of slots) {
      const held = unconflicted.get(slot);
      if (held !== undefined) lookup.find(held);
    }
  }
  const powerLevels = unconflicted.get(POWER_LEVELS_SLOT);
  if (powerLevels !== undefined) walkAuthChain([powerLevels], lookup);
}
