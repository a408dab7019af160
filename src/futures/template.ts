import { parseEventId, type EventId, type ServerName } from '../matrix/identifiers.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';

const VARIABLES: ReadonlySet<JsonValue> = new Set(['$m.send_now.event_id', '$io.element.send_now.event_id']);

/** True for a text that is nothing but the variable for the id of the send_now event. */
export function isTemplateVariable(value: JsonValue | undefined): boolean {
  return value !== undefined && VARIABLES.has(value);
}

/** True when some value of the content, at any depth, is the variable. */
export function hasTemplateVariable(value: JsonValue | undefined): boolean {
  if (isJsonArray(value)) return value.some(hasTemplateVariable);
  if (isJsonObject(value)) return Object.values(value).some(hasTemplateVariable);
  return isTemplateVariable(value);
}

/**
 * The content with the event id in place of the variable. Only whole string values are replaced, at any depth; keys
 * and texts that merely contain the variable stay as people wrote them.
 */
export function fillTemplate(content: JsonObject, sendNowId: EventId): JsonObject {
  return Object.fromEntries(
    Object.entries(content).map(([key, value]) => [
      key,
      value === undefined ? value : fill(value, sendNowId),
    ]),
  );
}

function fill(value: JsonValue, sendNowId: EventId): JsonValue {
  if (isJsonArray(value)) return value.map((item) => fill(item, sendNowId));
  if (isJsonObject(value)) return fillTemplate(value, sendNowId);
  return isTemplateVariable(value) ? sendNowId : value;
}

/** An id of the greatest length that a send_now event may get: what sizes are checked with before the id is known. */
export function longestEventId(serverName: ServerName): EventId {
  const eventId = parseEventId(
    `$${'x'.repeat(Math.max(HASHED_ID_LENGTH, CHOSEN_ID_LENGTH + serverName.length))}`,
  );
  if (eventId === undefined) throw new Error(`the server name ${serverName} is too long for event ids`);
  return eventId;
}

const HASHED_ID_LENGTH = 43;
/** 24 letters and a colon before the server name. */
const CHOSEN_ID_LENGTH = 25;
