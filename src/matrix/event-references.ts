import type { JsonValue } from '../util/json.ts';
import { isJsonArray, isJsonObject } from '../util/json.ts';
import type { EventId } from './identifiers.ts';
import { parseEventId } from './identifiers.ts';
import type { RoomVersionRules } from './room-version.ts';

/**
 * The ids in `prev_events` or `auth_events`: `[id, {"sha256": …}]` pairs in v1–v2, plain ids since. Undefined when the
 * list breaks the format of the room version. https://spec.matrix.org/v1.19/rooms/v1/#event-format
 */
export function parseEventReferences(list: unknown, rules: RoomVersionRules): readonly EventId[] | undefined {
  if (!isJsonArray(list)) return undefined;
  if (rules.eventReferences === 'ids') return list.every(isEventId) ? list : undefined;
  const ids: EventId[] = [];
  for (const reference of list) {
    const id = parsePair(reference);
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return ids;
}

function isEventId(reference: JsonValue): reference is EventId {
  return parseEventId(reference) !== undefined;
}

function parsePair(reference: JsonValue): EventId | undefined {
  if (!isJsonArray(reference) || reference.length !== 2) return undefined;
  const [id, hashes] = reference;
  return isJsonObject(hashes) && typeof hashes['sha256'] === 'string' ? parseEventId(id) : undefined;
}
