import { parseEventReferences } from './event-references.ts';
import type { MatrixEvent, Pdu } from './event.ts';
import type { EventId, RoomId } from './identifiers.ts';
import { parseEventId, parseUserId } from './identifiers.ts';
import type { RoomVersionRules } from './room-version.ts';
import { findStickyDuration } from './sticky.ts';

/**
 * The event that a PDU of the right format is. A depth beyond 2^53−1, which v1–v5 allow, becomes 2^53−1: such an event
 * sorts last and its number can be stored. Throws an Error when the PDU breaks the format after all.
 */
export function eventFromPdu(
  pdu: Pdu,
  eventId: EventId,
  roomId: RoomId,
  rules: RoomVersionRules,
): MatrixEvent {
  const sender = parseUserId(pdu.sender);
  const prevEvents = parseEventReferences(pdu.prev_events, rules);
  const authEvents = parseEventReferences(pdu.auth_events, rules);
  if (sender === undefined || prevEvents === undefined || authEvents === undefined) {
    throw new Error(`${eventId} is not in the format of its room version`);
  }
  const stateKey = pdu['state_key'];
  return {
    eventId,
    roomId,
    type: pdu.type,
    sender,
    stateKey: typeof stateKey === 'string' ? stateKey : undefined,
    content: pdu.content,
    depth: Math.min(pdu.depth, Number.MAX_SAFE_INTEGER),
    originServerTs: pdu.origin_server_ts,
    prevEvents,
    authEvents,
    redacts: findRedacts(pdu, rules),
    stickyDurationMs: findStickyDuration(pdu),
    pdu,
  };
}

function findRedacts(pdu: Pdu, rules: RoomVersionRules): EventId | undefined {
  if (pdu.type !== 'm.room.redaction') return undefined;
  return parseEventId(rules.redactsInContent ? pdu.content['redacts'] : pdu['redacts']);
}
