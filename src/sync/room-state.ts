import { admitsRoom, admitsRoomEvent } from '../matrix/filters.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { readableEvent } from '../rooms/client-events.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { formatStreamToken } from '../storage/stream-token.ts';
import type { JsonObject } from '../util/json.ts';
import { listShownUsers, loadLazily } from './lazy-members.ts';
import type { SyncScope } from './provider.ts';
import { renderFiltered } from './render.ts';
import type { Standing } from './standings.ts';
import type { StateChange } from './state-change.ts';
import type { Timeline } from './timeline.ts';

/** The events that tell a client of a change of state, filtered; `heroes` are needed by what else it is sent. */
export async function listStateUpdates(
  scope: SyncScope,
  room: Pick<Standing, 'roomId'>,
  change: StateChange,
  shown: { readonly timeline: Timeline; readonly heroes: readonly UserId[] },
): Promise<StoredEvent[]> {
  const { viewer, deps } = scope;
  const stateFilter = scope.filter.room.state;
  if (!admitsRoom(stateFilter, room.roomId) || stateFilter.types?.length === 0) return [];
  const needed = [
    ...shown.heroes,
    ...listShownUsers(shown.timeline.events),
    ...(change.isWhole ? [viewer.userId] : []),
  ];
  const updates = stateFilter.lazyLoadMembers ? await loadLazily(scope, change, needed) : change.updates;
  return (await listEventsByNid(deps.db, [...updates.values()]))
    .filter((stored) => admitsRoomEvent(stateFilter, room.roomId, readableEvent(stored).event))
    .toSorted((a, b) => a.eventNid - b.eventNid);
}

/**
 * Timeline and state as they are sent, the state under the key at which the client expects it, and the sticky events
 * that are in neither.
 */
export async function renderRoom(
  scope: SyncScope,
  timeline: Timeline,
  state: readonly StoredEvent[],
  sticky: readonly StoredEvent[] = [],
): Promise<JsonObject> {
  // In one go, because that takes no more queries than one of them does.
  const events = [...timeline.events, ...state, ...sticky];
  const rendered = await renderFiltered(scope.deps, scope.viewer, scope.filter, events);
  const stateStart = timeline.events.length;
  const stickyStart = stateStart + state.length;
  return {
    [scope.stateAfter ?? 'state']: { events: rendered.slice(stateStart, stickyStart) },
    timeline: {
      events: rendered.slice(0, stateStart),
      limited: timeline.isLimited,
      prev_batch: formatStreamToken(timeline.start),
    },
    ...(sticky.length === 0 ? {} : { msc4354_sticky: { events: rendered.slice(stickyStart) } }),
  };
}
