import { stateSlot, type StateSlot } from '../matrix/event.ts';
import type { Db } from '../storage/database.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import type { StateKeys } from '../storage/rooms.ts';
import {
  listCurrentStateEvents,
  listCurrentStateEventsIn,
  listEventsOfType,
} from '../storage/state-events.ts';
import type { StateRoot } from '../storage/state-node.ts';
import type { StateTrie } from '../storage/state-trie.ts';

/** What reading rooms uses; `pipeline.trie` and `pipeline.stateKeys` are the ones to give. */
export interface RoomReadDeps {
  readonly db: Db;
  readonly trie: StateTrie;
  readonly stateKeys: StateKeys;
}

/** A state to read: the one that is current in a room, or any by its root. */
export type StateChoice =
  | { readonly kind: 'current'; readonly roomNid: number }
  | { readonly kind: 'root'; readonly root: StateRoot };

/** The state that is current in a room. */
export function currentStateOf(roomNid: number): StateChoice {
  return { kind: 'current', roomNid };
}

/** A state by its root, such as `stateBefore` and `stateAfter` of an event. */
export function stateAt(root: StateRoot): StateChoice {
  return { kind: 'root', root };
}

/** All events of a state, or those of one type, in no order. */
export async function listStateEvents(
  deps: RoomReadDeps,
  state: StateChoice,
  type?: string,
): Promise<StoredEvent[]> {
  if (state.kind === 'current') return listCurrentStateEvents(deps.db, state.roomNid, type);
  const entries = await deps.trie.listEntries(state.root);
  return listEventsOfType(deps.db, [...entries.values()], type);
}

/** The events of some slots of a state; empty slots are left out. */
export async function findStateEvents(
  deps: RoomReadDeps,
  state: StateChoice,
  slots: readonly StateSlot[],
): Promise<Map<StateSlot, StoredEvent>> {
  const nids = await deps.stateKeys.find(slots);
  const events = await loadEntries(deps, state, [...nids.values()]);
  const byKey = new Map(events.map((event) => [event.stateKeyNid, event]));
  return new Map(
    [...nids].flatMap(([slot, nid]): [StateSlot, StoredEvent][] => {
      const event = byKey.get(nid);
      return event === undefined ? [] : [[slot, event]];
    }),
  );
}

/** The event of one slot of a state. */
export async function findStateEvent(
  deps: RoomReadDeps,
  state: StateChoice,
  type: string,
  stateKey: string,
): Promise<StoredEvent | undefined> {
  const slot = stateSlot(type, stateKey);
  return (await findStateEvents(deps, state, [slot])).get(slot);
}

async function loadEntries(
  deps: RoomReadDeps,
  state: StateChoice,
  stateKeyNids: readonly number[],
): Promise<StoredEvent[]> {
  if (state.kind === 'current') return listCurrentStateEventsIn(deps.db, state.roomNid, stateKeyNids);
  const entries = await deps.trie.findEntries(state.root, stateKeyNids);
  return listEventsByNid(deps.db, [...entries.values()]);
}

/**
 * Who holds some slots in each of many states: by root, the event's interned id by slot. Equal roots are read once,
 * and unequal ones share most of their nodes.
 */
export async function findInStates(
  deps: RoomReadDeps,
  roots: Iterable<StateRoot>,
  slots: readonly StateSlot[],
): Promise<Map<StateRoot, ReadonlyMap<StateSlot, number>>> {
  const nids = await deps.stateKeys.find(slots);
  const holders = new Map<StateRoot, ReadonlyMap<StateSlot, number>>();
  for (const root of new Set(roots)) {
    const entries = await deps.trie.findEntries(root, [...nids.values()]);
    const held = new Map<StateSlot, number>();
    for (const [slot, nid] of nids) {
      const eventNid = entries.get(nid);
      if (eventNid !== undefined) held.set(slot, eventNid);
    }
    holders.set(root, held);
  }
  return holders;
}
