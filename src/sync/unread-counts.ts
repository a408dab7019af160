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
import { isJoined, type Standing } from './standings.ts';

/** The unread notifications of the rooms in which their number may have changed. */
export interface CountsSoFar {
  readonly since: number;
  readonly rooms: readonly Standing[];
  readonly counts: readonly UnreadCount[];
}

/** Counts where something has happened, while all else is read; undefined for a client that knows nothing. */
export async function countWhereNews(
  scope: SyncScope,
  since: number | undefined,
): Promise<CountsSoFar | undefined> {
  if (since === undefined) return undefined;
  const changeable = await listRoomsWithChanges(scope, since);
  const rooms = [...changeable]
    .flatMap((roomNid) => scope.standings.find(roomNid) ?? [])
    .filter((room) => isCounted(scope, room));
  return { since, rooms, counts: await count(scope, rooms) };
}

/**
 * The unread notifications of the joined rooms that an answer holds, and of those where the number has changed. Clients
 * take a room without them for one that has none, so that this is added once all else has been read.
 * https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications
 */
export async function addUnreadCounts(
  scope: SyncScope,
  parts: readonly SyncPart[],
  soFar: CountsSoFar | undefined,
): Promise<SyncPart> {
  const { deps, viewer, upTo, standings } = scope;
  const listed = new Set(parts.flatMap((part) => [...(part.rooms?.join?.keys() ?? [])]));
  const counted = soFar?.rooms ?? [];
  const isRest = new Set(listed);
  for (const room of counted) isRest.delete(room.roomId);
  const rest =
    isRest.size === 0
      ? []
      : standings.all.filter((room) => isRest.has(room.roomId) && isCounted(scope, room));
  const others = counted.filter((room) => !listed.has(room.roomId)).map((room) => room.roomNid);
  const [changed, counts] = await Promise.all([
    listRoomsWithCountChanges(deps.db, viewer.userNid, others, soFar?.since ?? 0, upTo),
    count(scope, rest),
  ]);
  const told = counted.filter((room) => listed.has(room.roomId) || changed.includes(room.roomNid));
  const countsOf = groupBy([...(soFar?.counts ?? []), ...counts], ({ roomNid }) => roomNid);
  const byThread = scope.filter.room.timeline.unreadThreadNotifications;
  const join = new Map(
    [...told, ...rest].map((room): [RoomId, JsonObject] => [
      room.roomId,
      renderCounts(countsOf.get(room.roomNid) ?? [], byThread),
    ]),
  );
  return join.size === 0 ? {} : { rooms: { join } };
}

/** Whether the client may be told of the room's notifications. */
function isCounted({ filter }: SyncScope, room: Standing): boolean {
  return isJoined(room) && admitsRoom(filter.room, room.roomId);
}

async function count(
  { deps, viewer, upTo }: SyncScope,
  rooms: readonly Standing[],
): Promise<readonly UnreadCount[]> {
  if (rooms.length === 0) return [];
  // The count that an event leads to is to be in the same answer as the event.
  await deps.catchUpPush(upTo);
  const roomNids = rooms.map((room) => room.roomNid);
  return countUnread(deps.db, viewer.userNid, roomNids, upTo);
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
