import { badJson, forbidden, invalidParam, missingParam } from '../matrix/errors.ts';
import { parseEventId, type RoomId, type ServerName, type UserId } from '../matrix/identifiers.ts';
import type { ClientEventInput } from '../rooms/client-intent.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';
import { findScheduleFault } from './schedulable.ts';
import { readStickyMember } from './sticky-request.ts';
import { asEventObject, readActions, readField, readTimeoutMs, type TimeoutUnit } from './seed-fields.ts';
import { fillTemplate, hasTemplateVariable, isTemplateVariable, longestEventId } from './template.ts';

/** A request to make a future, understood. Template variables are still in it. */
export interface FutureRequest {
  readonly timeoutMs: number;
  readonly sendNow: ClientEventInput | undefined;
  readonly alternatives: readonly RequestedAlternative[];
  /** The keys that the caller used, to mirror them. */
  readonly mirror: readonly string[];
}

export interface RequestedAlternative {
  /** `timeout` or `action:<name>`. */
  readonly trigger: string;
  readonly event: ClientEventInput;
}

const MOST_ACTIONS = 64;

/**
 * Reads the body of `PUT …/send/future/{txnId}` in all its spellings. Throws 400 M_MISSING_PARAM without timeout or
 * timeout event, M_INVALID_PARAM for contradictions and wrong shapes, M_BAD_JSON for an event that could never be
 * sent, 403 M_FORBIDDEN for an event of somebody else, 413 M_TOO_LARGE.
 */
export function readFutureRequest(
  body: JsonObject,
  context: {
    readonly sender: UserId;
    readonly roomId: RoomId;
    readonly serverName: ServerName;
    readonly unit: TimeoutUnit;
  },
): FutureRequest {
  const timeoutMs = readTimeoutMs(body, context.unit);
  const timeout = readField(body, 'send_on_timeout');
  if (timeout === undefined) throw missingParam('Missing parameter: send_on_timeout');
  const now = readField(body, 'send_now');
  const actions = readActions(body);
  if (actions.events.size > MOST_ACTIONS) throw invalidParam(`A future has at most ${MOST_ACTIONS} actions`);

  const sendNow = now === undefined ? undefined : readEvent('send_now', now.value, context);
  if (sendNow !== undefined) checkSendNow(sendNow);
  const later = (field: string, value: JsonValue): ClientEventInput => {
    const event = readEvent(field, value, context);
    checkLater(field, event, sendNow !== undefined, context.serverName);
    return event;
  };
  return {
    timeoutMs,
    sendNow,
    alternatives: [
      { trigger: 'timeout', event: later('send_on_timeout', timeout.value) },
      ...[...actions.events].map(([name, value]) => ({
        trigger: `action:${name}`,
        event: later(`the event of the action ${JSON.stringify(name)}`, value),
      })),
    ],
    mirror: [...timeout.keys, ...(now?.keys ?? []), ...actions.keys],
  };
}

/**
 * What the client would send normally: type, content, for state a state_key. What only the server may say (ids,
 * signatures, places in the graph) is passed over; a foreign room or sender is refused.
 */
function readEvent(
  field: string,
  value: JsonValue,
  context: { readonly sender: UserId; readonly roomId: RoomId },
): ClientEventInput {
  const event = asEventObject(field, value);
  const { type, content, state_key: stateKey, redacts, sender, room_id: roomId } = event;
  if (typeof type !== 'string') throw badJson(`${field} needs a type`);
  if (!isJsonObject(content)) throw badJson(`${field} needs a content`);
  if (stateKey !== undefined && typeof stateKey !== 'string')
    throw badJson(`${field}: state_key must be text`);
  if (roomId !== undefined && roomId !== context.roomId)
    throw invalidParam(`${field} names another room than the path`);
  if (sender !== undefined && sender !== context.sender)
    throw forbidden(`${field} names somebody else as sender`);
  const stickyDurationMs = readStickyMember(field, event);
  if (type !== 'm.room.redaction' || redacts === undefined)
    return { type, stateKey, content, stickyDurationMs };
  const redacted = parseEventId(redacts);
  if (redacted === undefined) throw badJson(`${field}: redacts must be an event id`);
  return { type, stateKey, content, redacts: redacted, stickyDurationMs };
}

function checkSendNow(event: ClientEventInput): void {
  if (hasTemplateVariable(event.content) || isTemplateVariable(event.redacts))
    throw invalidParam('The id of send_now is not known to send_now itself');
  const fault = findScheduleFault(event);
  if (fault !== undefined) throw fault;
}

function checkLater(
  field: string,
  event: ClientEventInput,
  hasSendNow: boolean,
  serverName: ServerName,
): void {
  const usesTemplate = hasTemplateVariable(event.content) || isTemplateVariable(event.redacts);
  if (usesTemplate && !hasSendNow) throw invalidParam(`${field} refers to send_now, and there is none`);
  // What counts is the size with the id in it.
  const content = usesTemplate ? fillTemplate(event.content, longestEventId(serverName)) : event.content;
  const fault = findScheduleFault({ ...event, content });
  if (fault !== undefined) throw fault;
}
