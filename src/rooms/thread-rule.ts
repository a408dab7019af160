import { unknownError, type MatrixError } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { relationIn } from '../matrix/relations.ts';
import type { Db } from '../storage/database.ts';
import { listEventsById } from '../storage/events.ts';
import type { JsonObject } from '../util/json.ts';
import { readableEvent } from './client-events.ts';

/**
 * 400 M_UNKNOWN for what would start a thread at an event that is itself a child; undefined for all else.
 * https://spec.matrix.org/v1.19/client-server-api/#threading
 */
export async function findThreadFault(
  deps: { readonly db: Db },
  roomId: RoomId,
  content: JsonObject,
): Promise<MatrixError | undefined> {
  const relation = relationIn(content);
  if (relation?.relType !== 'm.thread') return undefined;
  const [root] = await listEventsById(deps.db, [relation.parentId]);
  const isChild = root?.roomId === roomId && relationIn(readableEvent(root).event.content) !== undefined;
  return isChild ? unknownError('A thread cannot start at an event that relates to another one.') : undefined;
}
