import { admitsRoom, admitsRoomEvent } from '../matrix/filters.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { readableEvent } from '../rooms/client-events.ts';
import { listEventsByNid } from '../storage/events.ts';
import type { JsonObject } from '../util/json.ts';
import { listShownUsers, loadLazily } from './lazy-members.ts';
import type { SyncScope } from './provider.ts';
import { renderFiltered } from './render.ts';
import type { Standing } from './standings.ts';
import type { StateChange } from './state-change.ts';
import type { Timeline } from './timeline.ts';

/** The events that tell a client of a change of state, filtered and rendered; `heroes` are needed by what else it is sent. */
export async function renderState(
  scope: SyncScope,
  room: Pick<Standing, 'roomId'>,
  change: StateChange,
  shown: { readonly timeline: Timeline; readonly heroes: readonly UserId[] },
): Promise<JsonObject[]> {
  const { viewer, filter, deps } = scope;
  const stateFilter = filter.room.state;
  if (!admitsRoom(stateFilter, room.roomId) || stateFilter.types?.length === 0) return [];
  const needed = [
    ...shown.heroes,
    ...listShownUsers(shown.timeline.events),
    ...(change.isWhole ? [viewer.userId] : []),
  ];
  const updates = stateFilter.lazyLoadMembers ? await loadLazily(scope, change, needed) : change.updates;
  const events = (await listEventsByNid(deps.db, [...updates.values()]))
    .filter((stored) => admitsRoomEvent(stateFilter, room.roomId, readableEvent(stored).event))
    .toSorted((a, b) => a.eventNid - b.eventNid);
  return renderFiltered(deps, viewer, filter, events);
}

/** State under the key at which the client expects it. */
export function stateSection(scope: SyncScope, events: readonly JsonObject[]): JsonObject {
  return { [scope.stateAfter ?? 'state']: { events } };
}
