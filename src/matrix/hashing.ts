import { hash } from 'node:crypto';
import type { JsonObject } from '../util/json.ts';
import { isJsonObject } from '../util/json.ts';
import { decodeBase64, encodeUnpaddedBase64, encodeUrlSafeBase64 } from './base64.ts';
import type { CanonicalJsonLimits } from './canonical-json.ts';
import { encodeCanonicalJsonWithout, LENIENT_JSON, STRICT_JSON } from './canonical-json.ts';
import type { Pdu } from './event.ts';
import type { EventId, RoomId } from './identifiers.ts';
import { parseEventId, parseRoomId } from './identifiers.ts';
import { redactPdu } from './redaction.ts';
import type { RoomVersionRules } from './room-version.ts';

const OUTSIDE_CONTENT_HASH: ReadonlySet<string> = new Set(['hashes', 'signatures', 'unsigned']);
const OUTSIDE_SIGNATURES: ReadonlySet<string> = new Set(['signatures', 'unsigned']);

/** The canonical JSON rule of a room version. */
export function jsonLimitsOf(rules: RoomVersionRules): CanonicalJsonLimits {
  return rules.strictCanonicalJson ? STRICT_JSON : LENIENT_JSON;
}

/**
 * The text that the content hash covers. Throws CanonicalJsonError.
 * https://spec.matrix.org/v1.19/server-server-api/#calculating-the-content-hash-for-an-event
 */
export function contentHashText(pdu: JsonObject, limits: CanonicalJsonLimits = LENIENT_JSON): string {
  return encodeCanonicalJsonWithout(pdu, OUTSIDE_CONTENT_HASH, limits);
}

/** SHA-256 of the event without hashes, signatures and unsigned, in unpadded standard base64. */
export function contentHash(pdu: JsonObject): string {
  return encodeUnpaddedBase64(sha256(contentHashText(pdu)));
}

/** True when `hashes.sha256` is the content hash; compares bytes, so that padding does not matter. */
export function verifyContentHash(pdu: JsonObject): boolean {
  return hasContentHash(pdu, sha256(contentHashText(pdu)));
}

/** True when `hashes.sha256` of the event holds these bytes. */
export function hasContentHash(pdu: JsonObject, hash: Buffer): boolean {
  const claimed = isJsonObject(pdu['hashes']) ? pdu['hashes']['sha256'] : undefined;
  return typeof claimed === 'string' && decodeBase64(claimed)?.equals(hash) === true;
}

/**
 * The text that signatures and the reference hash cover: the redacted event without signatures and unsigned.
 * Throws CanonicalJsonError.
 */
export function signedText(pdu: Pdu, rules: RoomVersionRules): string {
  return encodeCanonicalJsonWithout(redactPdu(pdu, rules), OUTSIDE_SIGNATURES, LENIENT_JSON);
}

/**
 * SHA-256 that names the event: of the redacted event without signatures and unsigned, 32 bytes.
 * https://spec.matrix.org/v1.19/server-server-api/#calculating-the-reference-hash-for-an-event
 */
export function referenceHash(pdu: Pdu, rules: RoomVersionRules): Buffer {
  return sha256(signedText(pdu, rules));
}

/**
 * The id of an event: the one it carries in v1–v2, its reference hash since. Throws an Error when a v1–v2 event carries
 * none, which the format check refuses.
 */
export function eventIdOf(pdu: Pdu, rules: RoomVersionRules): EventId {
  if (rules.eventIdFormat !== 'chosen') return eventIdOfHash(referenceHash(pdu, rules), rules);
  const eventId = parseEventId(pdu['event_id']);
  if (eventId === undefined) throw new Error('an event of this room version must carry its event_id');
  return eventId;
}

/** The event id that a reference hash makes in room versions whose ids are hashes. */
export function eventIdOfHash(hash: Buffer, rules: RoomVersionRules): EventId {
  const text =
    rules.eventIdFormat === 'hash-standard' ? encodeUnpaddedBase64(hash) : encodeUrlSafeBase64(hash);
  const eventId = parseEventId(`$${text}`);
  if (eventId === undefined) throw new Error('a hash makes an event id');
  return eventId;
}

/** The id of a room whose id is its create event's; see createEventIdOf for the other way. https://spec.matrix.org/v1.19/rooms/v12/#room-ids */
export function roomIdOfCreate(createEventId: EventId): RoomId {
  const roomId = parseRoomId(`!${createEventId.slice(1)}`);
  if (roomId === undefined) throw new Error(`${createEventId} makes no room id`);
  return roomId;
}

/** SHA-256 of the text in UTF-8. */
export function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
