import type { JsonObject } from '../util/json.ts';
import { isJsonArray, isJsonObject } from '../util/json.ts';
import { describeCanonicalFault, encodeCanonicalJson } from './canonical-json.ts';
import { eventFromPdu } from './event-from-pdu.ts';
import { parseEventReferences } from './event-references.ts';
import {
  findOversizedField,
  joinedBytes,
  MAX_AUTH_EVENTS,
  MAX_EVENT_BYTES,
  MAX_PREV_EVENTS,
} from './event-size.ts';
import type { MatrixEvent, Pdu } from './event.ts';
import {
  contentHashText,
  eventIdOf,
  hasContentHash,
  jsonLimitsOf,
  roomIdOfCreate,
  sha256,
} from './hashing.ts';
import type { EventId, RoomId } from './identifiers.ts';
import { parseEventId, parseRoomId, parseUserId } from './identifiers.ts';
import { redactPdu } from './redaction.ts';
import type { RoomVersionRules } from './room-version.ts';

/** What the format check of a received PDU comes to. */
export type ParsedPdu =
  | {
      readonly kind: 'parsed';
      readonly event: MatrixEvent;
      /** The content hash did not match, so that only the redacted copy is believed. */
      readonly redacted: boolean;
    }
  | { readonly kind: 'refused'; readonly reason: string };

export interface ParsePduOptions {
  /** False for answers to /backfill, on which the limits of prev_events and auth_events are not enforced. */
  readonly limitsReferences: boolean;
}

/** Since v6 numbers end at 2^53−1; before, depth went to 2^63−1, which JavaScript rounds. */
const MAX_LEGACY_DEPTH = 2 ** 63;

/**
 * The first check on a received PDU: that it is an event of this room version, with every field of its type and no
 * limit broken. `unsigned` is dropped, for it is the sending server's and nothing vouches for it. When the content hash
 * does not match, the event goes on as its redacted copy. Signatures are not checked here.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export function parsePdu(
  value: unknown,
  rules: RoomVersionRules,
  options: ParsePduOptions = { limitsReferences: true },
): ParsedPdu {
  const pdu = readFields(value, rules);
  if (typeof pdu === 'string') return refuse(pdu);
  const referenceFault = findReferenceFault(pdu, rules, options);
  if (referenceFault !== undefined) return refuse(referenceFault);
  const encoded = measure(pdu, rules);
  if (typeof encoded === 'string') return refuse(encoded);
  if (encoded.bytes > MAX_EVENT_BYTES)
    return refuse(`the event has ${encoded.bytes} bytes, more than ${MAX_EVENT_BYTES}`);

  const redacted = !hasContentHash(pdu, encoded.contentHash);
  const believed = redacted ? redactPdu(pdu, rules) : pdu;
  const eventId = eventIdOf(believed, rules);
  const roomId = parseRoomId(believed['room_id']) ?? roomIdOfCreate(eventId);
  const event = eventFromPdu(believed, eventId, roomId, rules);
  const oversized = findOversizedField(event, rules);
  return oversized === undefined ? { kind: 'parsed', event, redacted } : refuse(oversized);
}

/** A row of stored events: its JSON passed {@link parsePdu} or came from buildEvent. */
export interface StoredEvent {
  readonly eventId: EventId;
  readonly roomId: RoomId;
  /** The PDU. */
  readonly json: string;
}

/** The event of a stored row, without checking it again. Throws an Error when the row holds no PDU at all. */
export function readStoredEvent(stored: StoredEvent, rules: RoomVersionRules): MatrixEvent {
  const value: unknown = JSON.parse(stored.json);
  if (!isPduShaped(value)) throw new Error(`the stored event ${stored.eventId} is no PDU`);
  return eventFromPdu(value, stored.eventId, stored.roomId, rules);
}

function refuse(reason: string): ParsedPdu {
  return { kind: 'refused', reason };
}

/** The PDU without `unsigned`, or which member is wrong, in words. */
function readFields(value: unknown, rules: RoomVersionRules): Pdu | string {
  if (!isJsonObject(value)) return 'not an object';
  // Rest copies own members one by one, `__proto__` included.
  const { unsigned: _, ...pdu } = value;
  const { type, sender, content, depth, origin_server_ts, prev_events, auth_events } = pdu;
  if (typeof type !== 'string') return 'type is not a string';
  if (typeof sender !== 'string' || parseUserId(sender) === undefined) return 'sender is not a user id';
  if (!isJsonObject(content)) return 'content is not an object';
  if (!isDepth(depth, rules)) return 'depth is not an integer within its limits';
  if (!isSafeInteger(origin_server_ts)) return 'origin_server_ts is not an integer within ±(2^53−1)';
  if (!isJsonArray(prev_events)) return 'prev_events is not an array';
  if (!isJsonArray(auth_events)) return 'auth_events is not an array';
  const fault = findStateKeyFault(pdu) ?? findHashesFault(pdu) ?? findIdFault(pdu, rules);
  return fault ?? { ...pdu, type, sender, content, depth, origin_server_ts, prev_events, auth_events };
}

function findStateKeyFault(pdu: JsonObject): string | undefined {
  const stateKey = pdu['state_key'];
  return stateKey === undefined || typeof stateKey === 'string' ? undefined : 'state_key is not a string';
}

function findHashesFault(pdu: JsonObject): string | undefined {
  const { hashes, signatures } = pdu;
  if (!isJsonObject(hashes) || typeof hashes['sha256'] !== 'string') return 'hashes.sha256 is not a string';
  const isObjectOfObjects = isJsonObject(signatures) && Object.values(signatures).every(isJsonObject);
  return isObjectOfObjects ? undefined : 'signatures is not an object of objects';
}

/** v1–v2 events carry their id. Since v12 the create event carries no room id: it is what makes one. */
function findIdFault(pdu: JsonObject, rules: RoomVersionRules): string | undefined {
  if (rules.eventIdFormat === 'chosen' && parseEventId(pdu['event_id']) === undefined) {
    return 'event_id is not an event id';
  }
  const roomId = pdu['room_id'];
  if (rules.roomIdIsCreateHash && pdu['type'] === 'm.room.create' && pdu['state_key'] === '') {
    return roomId === undefined
      ? undefined
      : 'room_id is there, but a create event of this room version has none';
  }
  return parseRoomId(roomId) === undefined ? 'room_id is not a room id' : undefined;
}

function findReferenceFault(pdu: Pdu, rules: RoomVersionRules, options: ParsePduOptions): string | undefined {
  const limits = { prev_events: MAX_PREV_EVENTS, auth_events: MAX_AUTH_EVENTS };
  for (const key of ['prev_events', 'auth_events'] as const) {
    if (parseEventReferences(pdu[key], rules) === undefined) {
      return `${key} is not of ${rules.eventReferences === 'pairs' ? '[event id, {sha256}] pairs' : 'event ids'}`;
    }
    const count = pdu[key].length;
    if (options.limitsReferences && count > limits[key]) {
      return `${key} lists ${count} events, more than ${limits[key]}`;
    }
  }
  return undefined;
}

/** The event's length and content hash, or why it is not canonical JSON. */
function measure(
  pdu: Pdu,
  rules: RoomVersionRules,
): { readonly bytes: number; readonly contentHash: Buffer } | string {
  const limits = jsonLimitsOf(rules);
  const { hashes, signatures } = pdu;
  try {
    const text = contentHashText(pdu, limits);
    const bytes = joinedBytes(text, encodeCanonicalJson({ hashes, signatures }, limits));
    return { bytes, contentHash: sha256(text) };
  } catch (error) {
    const fault = describeCanonicalFault(error);
    if (fault === undefined) throw error;
    return fault;
  }
}

function isPduShaped(value: unknown): value is Pdu {
  return (
    isJsonObject(value) &&
    typeof value['type'] === 'string' &&
    typeof value['sender'] === 'string' &&
    typeof value['depth'] === 'number' &&
    typeof value['origin_server_ts'] === 'number' &&
    isJsonObject(value['content']) &&
    isJsonArray(value['prev_events']) &&
    isJsonArray(value['auth_events'])
  );
}

function isSafeInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isDepth(value: unknown, rules: RoomVersionRules): value is number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return false;
  return rules.strictCanonicalJson ? Number.isSafeInteger(value) : value <= MAX_LEGACY_DEPTH;
}
