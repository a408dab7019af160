import { duplicateAnnotation, unknownError, type MatrixError } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { relationIn } from '../matrix/relations.ts';
import type { Db } from '../storage/database.ts';
import { listEventsById } from '../storage/events.ts';
import { hasAnnotated } from '../storage/relations.ts';
import { readableEvent } from './client-events.ts';
import type { ClientEventInput } from './client-intent.ts';

/** Where and by whom an event is about to be sent. */
interface Sending {
  readonly roomId: RoomId;
  readonly senderNid: number;
}

/**
 * What forbids a client to relate an event to another in this way, or undefined: 400 M_DUPLICATE_ANNOTATION for the same
 * annotation twice, 400 M_UNKNOWN for a thread that starts at an event which is itself a child.
 * https://spec.matrix.org/v1.19/client-server-api/#avoiding-duplicate-annotations
 */
export async function findRelationFault(
  deps: { readonly db: Db },
  sending: Sending,
  event: ClientEventInput,
): Promise<MatrixError | undefined> {
  const relation = relationIn(event.content);
  if (relation?.relType === 'm.annotation' && relation.key !== undefined) {
    const { parentId, key } = relation;
    const { senderNid } = sending;
    if (await hasAnnotated(deps.db, { parentId, senderNid, type: event.type, key }))
      return duplicateAnnotation(`You have annotated ${parentId} with ${JSON.stringify(key)} already.`);
  }
  if (relation?.relType === 'm.thread') {
    const [root] = await listEventsById(deps.db, [relation.parentId]);
    const isChild =
      root?.roomId === sending.roomId && relationIn(readableEvent(root).event.content) !== undefined;
    if (isChild) return unknownError('A thread cannot start at an event that relates to another one.');
  }
  return undefined;
}
