import { isStateEvent, type MatrixEvent, type StateMap, type StateSlot } from '../matrix/event.ts';
import type { EventId } from '../matrix/identifiers.ts';
import { resolveState } from '../matrix/state-resolution/resolve-state.ts';
import type { StateRoot } from '../storage/state-node.ts';
import type { Facts, NeedsMore } from './decision.ts';
import type { RoomEvent, RoomSnapshot, StateDelta, StateVersion } from './snapshot.ts';

/** The state at some point of the graph. */
export interface StateAtTips {
  readonly version: StateVersion;
  /** The whole state, unless it is the snapshot's current one. */
  readonly full: StateMap<EventId> | undefined;
}

/** A resolved state and where it differs from the current one. */
export interface ResolvedState extends StateAtTips {
  readonly kind: 'state';
  readonly deltaToCurrent: StateDelta;
}

/** The event being decided on, when it is itself one of the tips. */
interface NewTip {
  readonly event: RoomEvent;
  readonly before: StateAtTips;
  readonly ownSlot: StateSlot | undefined;
}

/**
 * Resolves the states after some events into one, by the room version's algorithm, and expresses it as a change of
 * the current state. https://spec.matrix.org/v1.19/server-server-api/#room-state-resolution
 */
export function resolveTips(
  snapshot: RoomSnapshot,
  facts: Facts,
  tips: readonly RoomEvent[],
  newTip?: NewTip,
): ResolvedState | NeedsMore {
  if (snapshot.state.kind !== 'stored') return { kind: 'needs', flush: true };
  const ids = tips.map((tip) => tip.event.eventId);
  if (ids.some((id) => snapshot.uncommitted.has(id))) return { kind: 'needs', flush: true };
  const unloaded = ids.filter((id) => !facts.events.has(id));
  if (unloaded.length > 0) return { kind: 'needs', events: unloaded };

  const currentRoot = snapshot.state.root;
  const roots = new Set(ids.flatMap((id) => facts.events.get(id)?.stateAfter ?? []));
  const unread = [...roots, currentRoot].filter((root) => !facts.states.has(root));
  if (unread.length > 0) return { kind: 'needs', states: unread };
  const current = readState(facts, currentRoot);
  const sets = [...roots].map((root) => readState(facts, root));
  if (newTip !== undefined) sets.push(stateAfterNewTip(newTip, current));

  const findEvent = (id: EventId): MatrixEvent | undefined =>
    id === newTip?.event.event.eventId ? newTip.event.event : facts.events.get(id)?.event;
  const resolution = resolveState({
    rules: snapshot.rules,
    stateSets: sets,
    findEvent,
    isRejected: (id) => facts.events.get(id)?.status === 'rejected',
  });
  if (resolution.kind === 'needs') return needEvents(facts, resolution.eventIds);
  return describe(snapshot, facts, resolution.state, current, newTip);
}

function readState(facts: Facts, root: StateRoot): StateMap<EventId> {
  const state = facts.states.get(root);
  if (state === undefined) throw new Error(`the state ${root} was asked for and not loaded`);
  return state;
}

function stateAfterNewTip(tip: NewTip, current: StateMap<EventId>): StateMap<EventId> {
  const before = tip.before.full ?? current;
  if (tip.ownSlot === undefined) return before;
  return new Map([...before, [tip.ownSlot, tip.event.event.eventId]]);
}

/** An event that was looked for and is not there would be asked for for ever. */
function needEvents(facts: Facts, eventIds: readonly EventId[]): NeedsMore {
  const absent = eventIds.find((id) => facts.events.has(id));
  if (absent !== undefined) throw new Error(`state resolution needs ${absent}, which is not stored`);
  return { kind: 'needs', events: eventIds };
}

function describe(
  snapshot: RoomSnapshot,
  facts: Facts,
  resolved: StateMap<EventId>,
  current: StateMap<EventId>,
  newTip: NewTip | undefined,
): ResolvedState | NeedsMore {
  const delta = new Map<StateSlot, RoomEvent | undefined>();
  const unloaded: EventId[] = [];
  for (const [slot, id] of resolved) {
    if (current.get(slot) === id) continue;
    const holder = id === newTip?.event.event.eventId ? newTip.event : facts.events.get(id);
    if (holder === undefined) unloaded.push(id);
    else if (isStateEvent(holder.event)) delta.set(slot, { event: holder.event, nid: holder.nid });
  }
  if (unloaded.length > 0) return needEvents(facts, unloaded);
  for (const slot of current.keys()) if (!resolved.has(slot)) delta.set(slot, undefined);
  const version: StateVersion =
    delta.size === 0 ? snapshot.state : { kind: 'changed', from: snapshot.state, delta };
  return { kind: 'state', version, full: delta.size === 0 ? undefined : resolved, deltaToCurrent: delta };
}
