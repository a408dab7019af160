import type { StateSlot } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import type { EventLookup } from './event-lookup.ts';

/**
 * The events that auth_events lead to from `roots`, the roots themselves included. Goes around events that are not
 * found, which the lookup remembers; goes not beyond those in `seen`, which it adds to. Stops early when `onVisit`
 * answers 'stop'.
 */
export function walkAuthChain(
  roots: Iterable<EventId>,
  lookup: Pick<EventLookup, 'find'>,
  seen: Set<EventId> = new Set(),
  onVisit: (id: EventId) => 'go on' | 'stop' = () => 'go on',
): Set<EventId> {
  const pending = [...roots];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    if (onVisit(id) === 'stop') break;
    for (const cited of lookup.find(id)?.authEvents ?? []) if (!seen.has(cited)) pending.push(cited);
  }
  return seen;
}

/**
 * The auth difference without the conflicted events: what is in the auth chain of one state and not of all. An event
 * counts as part of its own chain, as servers agree. https://spec.matrix.org/v1.19/rooms/v2/#definitions
 *
 * `conflictedBySet` holds, for each state, its events in conflicted slots; their chains must be at hand. What is in
 * the chain of the common, unconflicted state is in all chains. Most candidates are, and within events that are at
 * hand. Only for those left over the chains of all the unconflicted state are walked, which in large rooms is most of
 * the work; the answer is the missing events when those chains are not at hand.
 */
export function findAuthDifference(
  conflictedBySet: readonly ReadonlySet<EventId>[],
  unconflicted: ReadonlyMap<StateSlot, EventId>,
  lookup: EventLookup,
): { readonly difference: ReadonlySet<EventId> } | { readonly missing: ReadonlySet<EventId> } {
  const chains = conflictedBySet.map((ids) => walkAuthChain(ids, lookup));
  const inConflict = new Set(conflictedBySet.flatMap((ids) => [...ids]));
  const inSomeChain = new Set(chains.flatMap((chain) => [...chain]));
  const candidates = new Set<EventId>();
  for (const id of inSomeChain) {
    if (!inConflict.has(id) && !chains.every((chain) => chain.has(id))) candidates.add(id);
  }
  if (candidates.size === 0) return { difference: candidates };

  const common = new Set(unconflicted.values());
  const strike = (id: EventId): 'go on' | 'stop' => {
    candidates.delete(id);
    return candidates.size === 0 ? 'stop' : 'go on';
  };
  const atHand = [...inSomeChain].filter((id) => common.has(id));
  const seen = walkAuthChain(atHand, lookup, new Set(), strike);
  if (candidates.size > 0) walkAuthChain(common, lookup, seen, strike);
  if (candidates.size > 0 && lookup.missing.size > 0) return { missing: lookup.missing };
  return { difference: candidates };
}

/**
 * Since v2.1: the events on paths of auth_events between two conflicted events, ends included.
 * https://spec.matrix.org/v1.19/rooms/v12/#definitions
 *
 *   conflicted A ──► x ──► conflicted B ──► y        x is in it, y is not
 */
export function findConflictedSubgraph(
  conflicted: Iterable<EventId>,
  lookup: EventLookup,
): ReadonlySet<EventId> {
  const ends = [...conflicted];
  const citedBy = new Map<EventId, EventId[]>();
  for (const id of walkAuthChain(ends, lookup)) {
    for (const cited of lookup.get(id).authEvents) addTo(citedBy, cited, id);
  }
  const subgraph = new Set<EventId>();
  const pending = [...ends];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (subgraph.has(id)) continue;
    subgraph.add(id);
    for (const citing of citedBy.get(id) ?? []) pending.push(citing);
  }
  return subgraph;
}

/** Adds an item to the list under a key. */
export function addTo<K, V>(lists: Map<K, V[]>, key: K, item: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
