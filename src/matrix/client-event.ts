import type { JsonObject, JsonValue } from '../util/json.ts';
import type { MatrixEvent, StateEvent } from './event.ts';
import { STICKY_KEY } from './sticky.ts';

export interface ClientEventExtra {
  /** What the server adds for this reader; left out when undefined or empty. */
  readonly unsigned?: JsonObject | undefined;
  /** False within /sync, where the room is the key. */
  readonly withRoomId: boolean;
}

/**
 * The event as clients see it. A redaction names its target both at the top level and in content, whatever the room
 * version. https://spec.matrix.org/v1.19/client-server-api/#room-event-format
 */
export function toClientEvent(event: MatrixEvent, extra: ClientEventExtra): JsonObject {
  const { redacts, stateKey, stickyDurationMs } = event;
  const client: Record<string, JsonValue> = {
    content: redacts === undefined ? event.content : { ...event.content, redacts },
    event_id: event.eventId,
    origin_server_ts: event.originServerTs,
    sender: event.sender,
    type: event.type,
  };
  if (extra.withRoomId) client['room_id'] = event.roomId;
  if (stateKey !== undefined) client['state_key'] = stateKey;
  if (redacts !== undefined) client['redacts'] = redacts;
  if (stickyDurationMs !== undefined) client[STICKY_KEY] = { duration_ms: stickyDurationMs };
  if (extra.unsigned !== undefined && Object.keys(extra.unsigned).length > 0)
    client['unsigned'] = extra.unsigned;
  return client;
}

/** The four members of a state event that people outside the room are shown. https://spec.matrix.org/v1.19/client-server-api/#stripped-state */
export function toStrippedState(event: StateEvent): JsonObject {
  return { content: event.content, sender: event.sender, state_key: event.stateKey, type: event.type };
}
