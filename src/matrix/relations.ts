import { isJsonObject, type JsonObject } from '../util/json.ts';
import { parseEventId, type EventId } from './identifiers.ts';

/** How an event relates to another one. */
export interface EventRelation {
  readonly relType: string;
  readonly parentId: EventId;
  /** What an annotation is aggregated by. */
  readonly key: string | undefined;
}

const LONGEST_REL_TYPE = 255;

/**
 * The relation in an event's content. What is malformed is none, and so is a rich reply, which has no `rel_type`.
 * https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events
 */
export function relationIn(content: JsonObject): EventRelation | undefined {
  const relation = content['m.relates_to'];
  if (!isJsonObject(relation)) return undefined;
  const { rel_type: relType, key } = relation;
  const parentId = parseEventId(relation['event_id']);
  if (typeof relType !== 'string' || relType.length > LONGEST_REL_TYPE || parentId === undefined)
    return undefined;
  if (!isStorable(relType)) return undefined;
  return { relType, parentId, key: typeof key === 'string' && isStorable(key) ? key : undefined };
}

/** The database keeps no text with NUL in it. */
function isStorable(text: string): boolean {
  return !text.includes('\0');
}
