import type { StateMap, StateSlot } from '../event.ts';
import type { EventId } from '../identifiers.ts';

/** The slots on which the states agree, and for the others all that they hold there. */
export interface Conflicts {
  readonly unconflicted: ReadonlyMap<StateSlot, EventId>;
  readonly conflicted: ReadonlyMap<StateSlot, ReadonlySet<EventId>>;
}

/** v1: states conflict where they hold different events; a state that holds none agrees with all. */
export function separateForV1(stateSets: readonly StateMap<EventId>[]): Conflicts {
  return separate(stateSets, () => true);
}

/** Since v2: states agree only where every one of them holds the same event. */
export function separateForV2(stateSets: readonly StateMap<EventId>[]): Conflicts {
  return separate(stateSets, (holders) => holders === stateSets.length);
}

function separate(
  stateSets: readonly StateMap<EventId>[],
  isAgreed: (holders: number) => boolean,
): Conflicts {
  const held = new Map<StateSlot, { readonly ids: Set<EventId>; holders: number }>();
  for (const state of stateSets) {
    for (const [slot, id] of state) {
      const entry = held.get(slot);
      if (entry === undefined) held.set(slot, { ids: new Set([id]), holders: 1 });
      else {
        entry.ids.add(id);
        entry.holders += 1;
      }
    }
  }
  const unconflicted = new Map<StateSlot, EventId>();
  const conflicted = new Map<StateSlot, ReadonlySet<EventId>>();
  for (const [slot, { ids, holders }] of held) {
    const [only, ...others] = ids;
    if (only !== undefined && others.length === 0 && isAgreed(holders)) unconflicted.set(slot, only);
    else conflicted.set(slot, ids);
  }
  return { unconflicted, conflicted };
}
