import type { StateSlot } from '../matrix/event.ts';
import type { StoredEvent } from '../storage/events.ts';
import { EMPTY_STATE, type StateRoot } from '../storage/state-node.ts';
import type { SyncScope } from './provider.ts';
import type { Timeline } from './timeline.ts';

/** Between which states a client is to be taken. */
export interface StateWindow {
  readonly roomNid: number;
  /** Where the client is; undefined: it has no state of the room, or none that counts. */
  readonly since: number | undefined;
  /** The last position whose state the client may have. */
  readonly end: number;
  readonly timeline: Timeline;
}

/** What a client must be told of a room's state beside the timeline. */
export interface StateChange {
  /** Whether `updates` is a whole state, not what changed. */
  readonly isWhole: boolean;
  /** The event in each slot that is to be told, by interned state key. */
  readonly updates: ReadonlyMap<number, number>;
  /** The slots of `updates`, and of what changes with the timeline. */
  readonly slots: ReadonlyMap<number, StateSlot>;
  /** The state that `updates` leads to. */
  readonly root: StateRoot;
  /** The state at the end of the window. */
  readonly endRoot: StateRoot;
}

/**
 * What leads the client from the state that it has to the one at the end of the window.
 *
 * ```
 *   since ──────────────► start of the timeline ──────────────► end
 *   with state_after:  everything that differs between since and end
 *   without:           what differs between since and start; the client applies the timeline itself, so beside that
 *                      only what the timeline does not hold: filtered events, and what state resolution brought
 * ```
 * States are those that were current at stream positions, not those at events of some fork: a client that was told of
 * a newer state is never led back to an older one.
 */
export async function findStateChange(scope: SyncScope, window: StateWindow): Promise<StateChange> {
  const { trie, stateKeys } = scope.deps;
  const { sinceRoot, startRoot, endRoot } = await findRoots(scope, window);
  const isWhole = sinceRoot === undefined;
  const late = await listChanged(scope, startRoot, endRoot);
  const base = scope.stateAfter === undefined ? startRoot : endRoot;
  const updates: Map<number, number | undefined> = isWhole
    ? await trie.listEntries(base)
    : await listChanged(scope, sinceRoot, base);
  const touched = new Set([...updates.keys(), ...late.keys()]);
  if (scope.stateAfter === undefined) {
    const inTimeline = new Set(window.timeline.events.map((event) => event.eventNid));
    for (const [key, eventNid] of late)
      if (eventNid === undefined || !inTimeline.has(eventNid)) updates.set(key, eventNid);
  }
  return {
    isWhole,
    // That a slot became empty cannot be said.
    updates: new Map(
      [...updates].flatMap(([key, nid]): [number, number][] => (nid === undefined ? [] : [[key, nid]])),
    ),
    slots: await stateKeys.resolve([...touched]),
    root: base,
    endRoot,
  };
}

interface WindowRoots {
  readonly sinceRoot: StateRoot | undefined;
  readonly startRoot: StateRoot;
  readonly endRoot: StateRoot;
}

async function findRoots(scope: SyncScope, window: StateWindow): Promise<WindowRoots> {
  const { since, end, timeline } = window;
  const first = timeline.events[0];
  const start = Math.min(first?.position === undefined ? end : first.position - 1, end);
  const roots = await scope.deps.syncFeed.reads.findStateRoots(window.roomNid, [since ?? end, start, end]);
  return {
    sinceRoot: since === undefined ? undefined : (roots.get(since) ?? EMPTY_STATE),
    startRoot: roots.get(start) ?? stateBefore(first),
    endRoot: roots.get(end) ?? EMPTY_STATE,
  };
}

/** Before the first event that this server placed nothing was current here: what counts is the state at that event. */
function stateBefore(first: StoredEvent | undefined): StateRoot {
  return first?.stateBefore ?? EMPTY_STATE;
}

async function listChanged(
  scope: SyncScope,
  before: StateRoot,
  after: StateRoot,
): Promise<Map<number, number | undefined>> {
  if (before === after) return new Map();
  const differences = await scope.deps.trie.listDifferences(before, after);
  return new Map(differences.map((difference) => [difference.stateKeyNid, difference.after]));
}
