import { parseEventId, type EventId } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { listEventsById, type StoredEvent } from '../storage/events.ts';
import { isJsonObject } from '../util/json.ts';

/** The name of what belongs to no thread. */
export const MAIN_THREAD = 'main';
/** An edit of a reaction to an event in a thread belongs to it; longer chains are followed no further. */
const MOST_STEPS = 3;

/**
 * Whether a receipt at an event can be for a thread: `main`, or one by its root. An event is in the thread of what it
 * relates to, and in `main` where that leads to none; who has seen what relates to a root, in whatever way, may also say so
 * in the root's thread. https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts
 */
export async function isRelatedToThread(db: Db, event: StoredEvent, threadId: string): Promise<boolean> {
  let current: StoredEvent | undefined = event;
  for (let step = 0; current !== undefined && step <= MOST_STEPS; step += 1) {
    if (current.eventId === threadId) return true;
    const relation = relationOf(current);
    if (relation === undefined) break;
    if (relation.type === 'm.thread') return relation.eventId === threadId;
    const [target]: StoredEvent[] = await listEventsById(db, [relation.eventId]);
    current = target?.roomNid === event.roomNid ? target : undefined;
  }
  return threadId === MAIN_THREAD;
}

function relationOf(event: StoredEvent): { readonly type: string; readonly eventId: EventId } | undefined {
  const pdu: unknown = JSON.parse(event.json);
  const content = isJsonObject(pdu) ? pdu['content'] : undefined;
  const relation = isJsonObject(content) ? content['m.relates_to'] : undefined;
  if (!isJsonObject(relation)) return undefined;
  const type = relation['rel_type'];
  const eventId = parseEventId(relation['event_id']);
  return typeof type === 'string' && eventId !== undefined ? { type, eventId } : undefined;
}
