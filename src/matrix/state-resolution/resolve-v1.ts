import { createHash } from 'node:crypto';
import { authEventSlots } from '../auth-events.ts';
import { checkAuthRules } from '../auth-rules/auth-rules.ts';
import { type MatrixEvent, splitStateSlot, type StateSlot } from '../event.ts';
import type { EventId } from '../identifiers.ts';
import { POWER_LEVELS_SLOT } from '../power-levels.ts';
import type { RoomVersionRules } from '../room-version.ts';
import { type Conflicts, separateForV1 } from './conflicts.ts';
import { type EventLookup, makeEventLookup, needs } from './event-lookup.ts';
import type { Resolution, ResolutionInput } from './resolution.ts';

const ROUNDS = ['power levels', 'join rules', 'members', 'other'] as const;

/** Settles one slot: the events in conflict, oldest first, and whether a state with `holder` in the slot allows one. */
type PickWinner = (
  oldestFirst: readonly MatrixEvent[],
  isAllowed: (event: MatrixEvent, holder?: MatrixEvent) => boolean,
) => MatrixEvent | undefined;

/**
 * State resolution of room version 1. https://spec.matrix.org/v1.19/rooms/v1/#state-resolution
 *
 * Conflicts are settled in four rounds: power levels, join rules, members, all other state. Within a round no slot
 * sees what another was settled to, so that the order of slots cannot matter; a round sees all earlier ones.
 */
export function resolveV1(input: ResolutionInput): Resolution {
  const conflicts = separateForV1(input.stateSets);
  const lookup = makeEventLookup(input.findEvent);
  findAll(conflicts, lookup, input.rules);
  if (lookup.missing.size > 0) return needs(lookup.missing);

  const resolved = new Map(conflicts.unconflicted);
  for (const round of ROUNDS) {
    const pick = round === 'other' ? pickLatestAllowed : pickLastOfAllowedRun;
    const winners = new Map<StateSlot, EventId>();
    for (const [slot, ids] of conflicts.conflicted) {
      if (roundOf(slot) !== round) continue;
      const oldestFirst = [...ids].map(lookup.get).sort(byDepthThenSha1);
      const winner = pick(oldestFirst, (event, holder) => {
        const state = (wanted: StateSlot) =>
          wanted === slot && holder !== undefined ? holder : getAt(resolved, wanted, lookup);
        return checkAuthRules(event, state, input.rules).allowed;
      });
      if (winner !== undefined) winners.set(slot, winner.eventId);
    }
    for (const [slot, id] of winners) resolved.set(slot, id);
  }
  return { kind: 'resolved', state: resolved };
}

/** What decides on later events: the oldest is taken unchecked, then each that the one before it allows, up to a refusal. */
const pickLastOfAllowedRun: PickWinner = ([oldest, ...later], isAllowed) => {
  let winner = oldest;
  for (const event of later) {
    if (!isAllowed(event, winner)) break;
    winner = event;
  }
  return winner;
};

/** All other state: the latest that is allowed. Where none is, servers agree on the oldest; the text is silent. */
const pickLatestAllowed: PickWinner = (oldestFirst, isAllowed) =>
  oldestFirst.findLast((event) => isAllowed(event)) ?? oldestFirst[0];

function roundOf(slot: StateSlot): (typeof ROUNDS)[number] {
  if (slot === POWER_LEVELS_SLOT) return 'power levels';
  const { type } = splitStateSlot(slot);
  if (type === 'm.room.join_rules') return 'join rules';
  return type === 'm.room.member' ? 'members' : 'other';
}

/** Looks up the conflicted events, and what their authorisation will read of the state that is not conflicted. */
function findAll(conflicts: Conflicts, lookup: EventLookup, rules: RoomVersionRules): void {
  for (const ids of conflicts.conflicted.values()) {
    for (const id of ids) {
      const event = lookup.find(id);
      const slots = event === undefined ? [] : authEventSlots(event, rules);
      for (const slot of slots) {
        const cited = conflicts.unconflicted.get(slot);
        if (cited !== undefined) lookup.find(cited);
      }
    }
  }
}

function getAt(
  resolved: ReadonlyMap<StateSlot, EventId>,
  slot: StateSlot,
  lookup: EventLookup,
): MatrixEvent | undefined {
  const id = resolved.get(slot);
  return id === undefined ? undefined : lookup.get(id);
}

/** Ascending depth, then descending SHA-1 of the event id: read backwards, highest depth and lowest SHA-1. */
function byDepthThenSha1(a: MatrixEvent, b: MatrixEvent): number {
  if (a.depth !== b.depth) return a.depth - b.depth;
  return sha1(a.eventId) < sha1(b.eventId) ? 1 : -1;
}

function sha1(id: EventId): string {
  return createHash('sha1').update(id, 'utf8').digest('hex');
}
