import { splitStateSlot, type StateSlot } from '../matrix/event.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { memberSlot } from '../matrix/power-levels.ts';
import { readableEvent } from '../rooms/client-events.ts';
import type { StoredEvent } from '../storage/events.ts';
import type { SyncScope } from './provider.ts';
import type { StateChange } from './state-change.ts';

/**
 * The updates that a client which loads members lazily is sent: of a whole state only the members that it needs, of a
 * change all that changed, and in both cases the members behind what it is about to show. Those are sent again each
 * time: what a client still has is known to it alone, not to every process of this server.
 * https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members
 */
export async function loadLazily(
  scope: SyncScope,
  change: StateChange,
  needed: readonly UserId[],
): Promise<ReadonlyMap<number, number>> {
  const { stateKeys, trie } = scope.deps;
  const neededKeys = new Set((await stateKeys.find(needed.map(memberSlot))).values());
  const kept = [...change.updates].filter(
    ([key]) => !change.isWhole || neededKeys.has(key) || !isMember(change.slots.get(key)),
  );
  const missing = [...neededKeys].filter((key) => !change.updates.has(key));
  const added = await trie.findEntries(change.root, missing);
  return new Map([...kept, ...added]);
}

/** Who sent the events, and whose memberships they are. */
export function listShownUsers(events: readonly StoredEvent[]): UserId[] {
  return events.map((stored) => readableEvent(stored).event.sender);
}

function isMember(slot: StateSlot | undefined): boolean {
  return slot !== undefined && splitStateSlot(slot).type === 'm.room.member';
}
