import { admitsRoom } from '../matrix/filters.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { JsonObject } from '../util/json.ts';
import { mapTogether } from './map-together.ts';
import type { SyncPart, SyncProvider, SyncScope } from './provider.ts';
import { listStateUpdates, renderRoom } from './room-state.ts';
import { changesSummary, listHeroes, renderSummary, summarise } from './room-summary.ts';
import { isJoined, type Standing } from './standings.ts';
import { findStateChange } from './state-change.ts';
import { listStickyEvents, withoutShown } from './sticky-events.ts';
import { readTimeline } from './timeline.ts';

/**
 * Timeline, state, sticky events and summary of the rooms that the user is in.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync_response-200_joined-room
 */
export const joinedRooms: SyncProvider = {
  initial: async (scope) => readRooms(scope, scope.standings.all.filter(isJoined), undefined),
  since: async (scope, since) => readRooms(scope, await listWithNews(scope, since), since),
};

async function listWithNews(scope: SyncScope, since: number): Promise<readonly Standing[]> {
  const { standings, deps, upTo } = scope;
  if (scope.fullState) return standings.all.filter(isJoined);
  const news = await deps.syncFeed.listRoomsWithNews(standings.joined, since, upTo);
  const known = [...news].flatMap((roomNid) => standings.find(roomNid) ?? []);
  return [...new Set([...known, ...standings.newlyJoined])];
}

async function readRooms(
  scope: SyncScope,
  wanted: readonly Standing[],
  since: number | undefined,
): Promise<SyncPart> {
  const rooms = wanted.filter((room) => admitsRoom(scope.filter.room, room.roomId));
  const join = new Map<RoomId, JsonObject>();
  const sticky = listStickyEvents(scope, rooms);
  const [bodies] = await Promise.all([
    mapTogether(rooms, (room) => readRoom(scope, room, since, sticky)),
    sticky,
  ]);
  rooms.forEach((room, index) => {
    const body = bodies[index];
    if (body !== undefined) join.set(room.roomId, body);
  });
  return { rooms: { join } };
}

/** undefined when there is nothing to say of the room. */
async function readRoom(
  scope: SyncScope,
  room: Standing,
  since: number | undefined,
  sticky: ReturnType<typeof listStickyEvents>,
): Promise<JsonObject | undefined> {
  const { deps, viewer, upTo } = scope;
  const isNew = since !== undefined && room.before !== 'join';
  const after = isNew ? undefined : since;
  const read = await readTimeline(scope, room, { after, upTo });
  // A client that had another part of the room, or none, must not put this timeline next to it.
  const timeline = isNew ? { ...read, isLimited: true } : read;
  const change = await findStateChange(scope, {
    roomNid: room.roomNid,
    since: scope.fullState ? undefined : after,
    end: upTo,
    timeline,
  });
  const summary = changesSummary(change) ? await summarise(deps, room.roomNid, change.endRoot) : undefined;
  const heroes = summary === undefined ? [] : listHeroes(summary, viewer.userId);
  const state = await listStateUpdates(scope, room, change, { timeline, heroes });
  const missed = withoutShown((await sticky).get(room.roomNid) ?? [], timeline.events);
  const hasNews =
    timeline.events.length > 0 ||
    timeline.isLimited ||
    state.length > 0 ||
    missed.length > 0 ||
    summary !== undefined;
  if (!hasNews && !change.isWhole) return undefined;
  const rendered = await renderRoom(scope, timeline, state, missed);
  return summary === undefined ? rendered : { summary: renderSummary(summary, heroes), ...rendered };
}
