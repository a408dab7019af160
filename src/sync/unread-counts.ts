import { admitsRoom } from '../matrix/filters.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import {
  countUnread,
  listRoomsWithCountChanges,
  MAIN_THREAD,
  type UnreadCount,
} from '../storage/notifications.ts';
import { groupBy } from '../util/group-by.ts';
import type { JsonObject } from '../util/json.ts';
import type { SyncPart, SyncScope } from './provider.ts';
import { isJoined } from './standings.ts';

/**
 * The unread notifications of the joined rooms that an answer holds, and of those where the number has changed. Clients
 * take a room without them for one that has none, so that this is added once all else has been read.
 * https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications
 */
export async function addUnreadCounts(
  scope: SyncScope,
  since: number | undefined,
  parts: readonly SyncPart[],
): Promise<SyncPart> {
  const { deps, viewer, upTo } = scope;
  const listed = new Set(parts.flatMap((part) => [...(part.rooms?.join?.keys() ?? [])]));
  const changeable = since === undefined ? new Set<number>() : await listRoomsWithChanges(scope, since);
  if (listed.size === 0 && changeable.size === 0) return {};
  const asked = scope.standings.all.filter(
    (room) =>
      (listed.has(room.roomId) || changeable.has(room.roomNid)) &&
      isJoined(room) &&
      admitsRoom(scope.filter.room, room.roomId),
  );
  if (asked.length === 0) return {};
  // The count that an event leads to is to be in the same answer as the event.
  await deps.catchUpPush(upTo);
  const others = asked.filter((room) => !listed.has(room.roomId)).map((room) => room.roomNid);
  const [changed, counts] = await Promise.all([
    listRoomsWithCountChanges(deps.db, viewer.userNid, others, since ?? 0, upTo),
    countUnread(
      deps.db,
      viewer.userNid,
      asked.map((room) => room.roomNid),
      upTo,
    ),
  ]);
  const wanted = asked.filter((room) => listed.has(room.roomId) || changed.includes(room.roomNid));
  const countsOf = groupBy(counts, (count) => count.roomNid);
  const byThread = scope.filter.room.timeline.unreadThreadNotifications;
  return {
    rooms: {
      join: new Map(
        wanted.map((room): [RoomId, JsonObject] => [
          room.roomId,
          renderCounts(countsOf.get(room.roomNid) ?? [], byThread),
        ]),
      ),
    },
  };
}

async function listRoomsWithChanges(scope: SyncScope, since: number): Promise<ReadonlySet<number>> {
  const { syncFeed } = scope.deps;
  const { joined } = scope.standings;
  const news = await syncFeed.listRoomsWithNews(joined, since, scope.upTo);
  return new Set([...news, ...syncFeed.listRoomsWithEphemera(joined, since)]);
}

function renderCounts(counts: readonly UnreadCount[], byThread: boolean): JsonObject {
  if (!byThread) return { unread_notifications: sumOf(counts) };
  const threads = counts.filter((count) => count.threadId !== MAIN_THREAD);
  return {
    unread_notifications: sumOf(counts.filter((count) => count.threadId === MAIN_THREAD)),
    ...(threads.length === 0
      ? {}
      : {
          unread_thread_notifications: Object.fromEntries(
            threads.map((thread) => [thread.threadId, sumOf([thread])]),
          ),
        }),
  };
}

function sumOf(counts: readonly UnreadCount[]): JsonObject {
  const sum = (of: (count: UnreadCount) => number): number =>
    counts.reduce((total, count) => total + of(count), 0);
  return {
    notification_count: sum((count) => count.notifications),
    highlight_count: sum((count) => count.highlights),
  };
}
