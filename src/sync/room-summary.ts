import { splitStateSlot, stateSlot } from '../matrix/event.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { readableEvent } from '../rooms/client-events.ts';
import { findStateEvents, stateAt } from '../rooms/read-state.ts';
import { countMembers, type MemberCounts } from '../storage/sync-reading.ts';
import type { StateRoot } from '../storage/state-node.ts';
import type { JsonObject } from '../util/json.ts';
import type { SyncReadDeps } from './provider.ts';
import type { StateChange } from './state-change.ts';

/** What all readers of a room share of its summary. */
export interface RoomSummary {
  readonly counts: MemberCounts;
  /** Whether the room has a name or an alias to be shown by. */
  readonly isNamed: boolean;
}

const MOST_HEROES = 5;
const NAME_SLOT = stateSlot('m.room.name', '');
const ALIAS_SLOT = stateSlot('m.room.canonical_alias', '');
const SUMMARISED_TYPES: ReadonlySet<string> = new Set([
  'm.room.member',
  'm.room.name',
  'm.room.canonical_alias',
]);

/** Whether a change of state can change the summary. */
export function changesSummary(change: StateChange): boolean {
  return (
    change.isWhole ||
    [...change.slots.values()].some((slot) => SUMMARISED_TYPES.has(splitStateSlot(slot).type))
  );
}

/** The summary of a room whose state is `root`, for readers to come as well. */
export async function summarise(deps: SyncReadDeps, roomNid: number, root: StateRoot): Promise<RoomSummary> {
  const known = deps.syncFeed.summaries.get(root);
  if (known !== undefined) return known;
  // One of them may be the reader, who is no hero to themselves.
  const counts = await countMembers(deps.db, roomNid, MOST_HEROES + 1);
  const named = await findStateEvents(deps, stateAt(root), [NAME_SLOT, ALIAS_SLOT]);
  const textOf = (slot: typeof NAME_SLOT, key: string): unknown => {
    const stored = named.get(slot);
    return stored === undefined ? undefined : readableEvent(stored).event.content[key];
  };
  const isNamed = [textOf(NAME_SLOT, 'name'), textOf(ALIAS_SLOT, 'alias')].some(
    (text) => typeof text === 'string' && text !== '',
  );
  const summary = { counts, isNamed };
  deps.syncFeed.summaries.set(root, summary);
  return summary;
}

/** Whom the reader's client names the room after; nobody where it has a name or an alias. */
export function listHeroes({ counts, isNamed }: RoomSummary, reader: UserId): UserId[] {
  if (isNamed) return [];
  const others = counts.first.filter((member) => member.userId !== reader);
  const present = others.filter((member) => member.isPresent);
  return (present.length > 0 ? present : others).slice(0, MOST_HEROES).map((member) => member.userId);
}

/** The summary as it is sent. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync_response-200_roomsummary */
export function renderSummary(summary: RoomSummary, heroes: readonly UserId[]): JsonObject {
  return {
    'm.joined_member_count': summary.counts.joined,
    'm.invited_member_count': summary.counts.invited,
    ...(summary.isNamed ? {} : { 'm.heroes': heroes }),
  };
}
