import type { MatrixEvent } from '../matrix/event.ts';
import { parseEventId, type EventId } from '../matrix/identifiers.ts';
import { readableEvent } from '../rooms/client-events.ts';
import type { Db } from '../storage/database.ts';
import { listEventsById } from '../storage/events.ts';
import { MAIN_THREAD } from '../storage/notifications.ts';
import { isJsonObject } from '../util/json.ts';

/** The root of a thread, or `main` for what is in none. */
export type ThreadId = EventId | typeof MAIN_THREAD;

const MOST_HOPS = 3;

/**
 * The thread that each of some events is in, by event id: the root of it, or `main`. An event that relates to one in a
 * thread is in that thread as well, a few steps far.
 * https://spec.matrix.org/v1.19/client-server-api/#marking-notifications-as-read
 */
export async function findThreads(
  db: Db,
  events: readonly MatrixEvent[],
): Promise<ReadonlyMap<EventId, ThreadId>> {
  const threads = new Map<EventId, ThreadId>();
  // Where each event that is not settled yet has got to.
  let open = events.map((event) => ({ eventId: event.eventId, roomId: event.roomId, at: event }));
  for (let hop = 0; open.length > 0; hop++) {
    const followed: { readonly eventId: EventId; readonly roomId: string; readonly target: EventId }[] = [];
    for (const { eventId, roomId, at } of open) {
      const relation = relationOf(at);
      if (relation?.isThread === true) threads.set(eventId, relation.target);
      else if (relation === undefined || hop === MOST_HOPS) threads.set(eventId, MAIN_THREAD);
      else followed.push({ eventId, roomId, target: relation.target });
    }
    const targets = await loadEvents(db, [...new Set(followed.map(({ target }) => target))]);
    open = followed.flatMap(({ eventId, roomId, target }) => {
      const at = targets.get(target);
      return at === undefined || at.roomId !== roomId ? [] : [{ eventId, roomId: at.roomId, at }];
    });
  }
  for (const { eventId } of events) if (!threads.has(eventId)) threads.set(eventId, MAIN_THREAD);
  return threads;
}

/** What an event relates to. https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events */
function relationOf(
  event: MatrixEvent,
): { readonly target: EventId; readonly isThread: boolean } | undefined {
  const relation = event.content['m.relates_to'];
  if (!isJsonObject(relation)) return undefined;
  const { rel_type: relType, event_id: eventId } = relation;
  const target = parseEventId(eventId);
  return target === undefined || typeof relType !== 'string'
    ? undefined
    : { target, isThread: relType === 'm.thread' };
}

async function loadEvents(db: Db, eventIds: readonly EventId[]): Promise<Map<EventId, MatrixEvent>> {
  const stored = await listEventsById(db, eventIds);
  return new Map(stored.map((event) => [event.eventId, readableEvent(event).event]));
}
