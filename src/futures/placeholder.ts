import { parseEventId, type EventId, type ServerName } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { findFutureByPublicId } from '../storage/futures.ts';

const PLACEHOLDER = /^\$future\.([A-Za-z0-9_-]+)\.(timeout|action(\d+)):/;

/**
 * What stands for the id of an event that is not sent yet, in room versions where ids are hashes:
 * `$future.<opaque>.<trigger>:<server>`, which no such version can produce. `ordinal` counts the alternatives, the
 * timeout being 0.
 */
export function placeholderFor(publicId: string, ordinal: number, serverName: ServerName): EventId {
  const trigger = ordinal === 0 ? 'timeout' : `action${ordinal}`;
  const placeholder = parseEventId(`$future.${publicId}.${trigger}:${serverName}`);
  if (placeholder === undefined) throw new Error(`the server name ${serverName} is too long for event ids`);
  return placeholder;
}

/** True for an id that {@link placeholderFor} makes. */
export function isPlaceholder(eventId: EventId): boolean {
  return PLACEHOLDER.test(eventId);
}

/**
 * The id of the event that a placeholder of the requester's has become; undefined when it is none, is somebody
 * else's, or was not sent. Whether the requester may see the event is still to be asked.
 */
export async function resolvePlaceholder(
  db: Db,
  eventId: EventId,
  requester: { readonly userNid: number },
): Promise<EventId | undefined> {
  const [, publicId, trigger, action] = PLACEHOLDER.exec(eventId) ?? [];
  if (publicId === undefined || trigger === undefined) return undefined;
  const future = await findFutureByPublicId(db, publicId);
  if (future === undefined || future.userNid !== requester.userNid || future.status !== 'sent')
    return undefined;
  const alternative = future.alternatives[trigger === 'timeout' ? 0 : Number(action)];
  return alternative !== undefined && alternative.delayId === future.sentDelayId
    ? future.sentEventId
    : undefined;
}
