import { invalidParam } from '../matrix/errors.ts';
import { renderEvents, type RenderDeps, type Viewer } from '../rooms/client-events.ts';
import { listEventsByNid } from '../storage/events.ts';
import { listNotifications } from '../storage/notifications.ts';
import { formatStreamToken, parseStreamToken } from '../storage/stream-token.ts';
import type { JsonObject } from '../util/json.ts';

/** Which notifications a client asks for. */
export interface NotificationPage {
  /** A token of an earlier answer; undefined starts with the newest. */
  readonly from: string | undefined;
  readonly limit: number;
  readonly highlightsOnly: boolean;
}

/**
 * What a user was notified of, newest first, with the token of the next page where there is one. Throws 400
 * M_INVALID_PARAM for a token that is none.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3notifications
 */
export async function readNotifications(
  deps: RenderDeps,
  viewer: Viewer,
  page: NotificationPage,
): Promise<JsonObject> {
  const before = page.from === undefined ? undefined : parseStreamToken(page.from);
  if (page.from !== undefined && before === undefined)
    throw invalidParam('from: not a token that this server handed out');
  const found = await listNotifications(deps.db, viewer.userNid, { ...page, before, limit: page.limit + 1 });
  const listed = found.slice(0, page.limit);
  const stored = await listEventsByNid(
    deps.db,
    listed.map((notification) => notification.eventNid),
  );
  const events = await renderEvents(deps, stored, viewer, { withRoomId: false });
  const eventOf = new Map(stored.map((event, index) => [event.eventNid, events[index]]));
  const notifications = listed.flatMap((notification): JsonObject[] => {
    const event = eventOf.get(notification.eventNid);
    if (event === undefined) return [];
    const { actions, isRead, roomId, createdTs } = notification;
    return [{ actions, event, read: isRead, room_id: roomId, ts: createdTs }];
  });
  const last = listed.at(-1);
  const hasMore = found.length > listed.length && last !== undefined;
  return { notifications, ...(hasMore ? { next_token: formatStreamToken(last.position) } : {}) };
}
