import { checkAuthRules } from '../auth-rules/auth-rules.ts';
import { stateSlot, type StateSlot } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import { POWER_LEVELS_SLOT } from '../power-levels.ts';
import { citedState } from './cited-state.ts';
import { separateForV2 } from './conflicts.ts';
import { type EventLookup, makeEventLookup, needs } from './event-lookup.ts';
import { findFullConflictedSet } from './full-conflicted-set.ts';
import { sortByMainline } from './mainline-order.ts';
import { collectPowerEvents, sortByPower } from './power-order.ts';
import type { Resolution, ResolutionInput } from './resolution.ts';

/**
 * State resolution of room versions 2 to 11, and in its form v2.1 since 12: events that may take power from somebody
 * are replayed first, all others after them, each checked against what came out so far.
 * https://spec.matrix.org/v1.19/rooms/v2/#state-resolution, https://spec.matrix.org/v1.19/rooms/v12/#state-resolution
 */
export function resolveV2(input: ResolutionInput): Resolution {
  const conflicts = separateForV2(input.stateSets);
  if (conflicts.conflicted.size === 0) return { kind: 'resolved', state: conflicts.unconflicted };

  const full = findFullConflictedSet(conflicts, input);
  if ('missing' in full) return needs(full.missing);
  const lookup = makeEventLookup(input.findEvent);

  // 1. The power events, with what they rest on, in their order.
  const powerEvents = collectPowerEvents(full.ids, lookup);
  const sortedPowerEvents = sortByPower(powerEvents, lookup, input.rules);

  // 2. They are replayed on the unconflicted state; since v2.1 on nothing, so that it cannot bend them.
  const state = new Map(input.rules.stateResolution === 'v2.1' ? [] : conflicts.unconflicted);
  applyAllowed(sortedPowerEvents, state, input, lookup);

  // 3. and 4. All others, by the power levels that came out, are replayed on the outcome.
  const others = [...full.ids].filter((id) => !powerEvents.has(id));
  applyAllowed(sortByMainline(others, state.get(POWER_LEVELS_SLOT), lookup), state, input, lookup);

  // 5. What was never in conflict stays as it was.
  for (const [slot, id] of conflicts.unconflicted) state.set(slot, id);
  return { kind: 'resolved', state };
}

/**
 * The iterative auth checks: takes those events into `state` that it allows. What it does not hold is read from the
 * event's own auth_events, rejected ones left out. An event that was rejected for the state before it may be taken
 * in, yet allows no others, as servers agree.
 */
function applyAllowed(
  ids: readonly EventId[],
  state: Map<StateSlot, EventId>,
  { rules, isRejected }: ResolutionInput,
  lookup: EventLookup,
): void {
  for (const id of ids) {
    const event = lookup.get(id);
    if (event.stateKey === undefined) continue;
    const cited = citedState(event, lookup, rules, isRejected);
    const verdict = checkAuthRules(
      event,
      (slot) => {
        const held = state.get(slot);
        return held === undefined || isRejected(held) ? cited(slot) : lookup.get(held);
      },
      rules,
    );
    if (verdict.allowed) state.set(stateSlot(event.type, event.stateKey), id);
  }
}
