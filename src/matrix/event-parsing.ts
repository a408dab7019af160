import type { JsonArray, JsonObject } from '../util/json.ts';
import { isJsonArray, isJsonObject } from '../util/json.ts';
import { encodeCanonicalJson } from './canonical-json.ts';
import { eventFromPdu } from './event-from-pdu.ts';
import { parseEventReferences } from './event-references.ts';
import {
  describeCanonicalFault,
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

/** Between the PDU and the event: a complaint in words, thrown and caught within this file only. */
class Refusal extends Error {}

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
  try {
    const pdu = checkFields(value, rules);
    checkReferences(pdu, rules, options);
    const matches = checkSizeAndHash(pdu, rules);
    const believed = matches ? pdu : redactPdu(pdu, rules);
    const event = identify(believed, rules);
    return { kind: 'parsed', event, redacted: !matches };
  } catch (error) {
    const reason = error instanceof Refusal ? error.message : describeCanonicalFault(error);
    if (reason === undefined) throw error;
    return { kind: 'refused', reason };
  }
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

function checkFields(value: unknown, rules: RoomVersionRules): Pdu {
  if (!isJsonObject(value)) throw new Refusal('not an object');
  // Rest copies own members one by one, `__proto__` included.
  const { unsigned: _, ...pdu } = value;
  const { type, sender, content, depth, prev_events, auth_events } = pdu;
  if (typeof type !== 'string') throw new Refusal('type is not a string');
  if (typeof sender !== 'string' || parseUserId(sender) === undefined)
    throw new Refusal('sender is not a user id');
  if (!isJsonObject(content)) throw new Refusal('content is not an object');
  if (!isDepth(depth, rules)) throw new Refusal('depth is not an integer within its limits');
  const originServerTs = pdu['origin_server_ts'];
  if (!isSafeInteger(originServerTs))
    throw new Refusal('origin_server_ts is not an integer within ±(2^53−1)');
  if (!isJsonArray(prev_events)) throw new Refusal('prev_events is not an array');
  if (!isJsonArray(auth_events)) throw new Refusal('auth_events is not an array');
  checkStateKey(pdu['state_key']);
  checkHashesAndSignatures(pdu);
  checkRoomId(pdu, rules);
  return { ...pdu, type, sender, content, depth, origin_server_ts: originServerTs, prev_events, auth_events };
}

function checkStateKey(stateKey: unknown): void {
  if (stateKey !== undefined && typeof stateKey !== 'string') throw new Refusal('state_key is not a string');
}

function checkHashesAndSignatures(pdu: JsonObject): void {
  const { hashes, signatures } = pdu;
  if (!isJsonObject(hashes) || typeof hashes['sha256'] !== 'string')
    throw new Refusal('hashes.sha256 is not a string');
  if (!isJsonObject(signatures) || !Object.values(signatures).every(isJsonObject)) {
    throw new Refusal('signatures is not an object of objects');
  }
}

/** Since v12 the create event carries no room id: it is what makes one. */
function checkRoomId(pdu: JsonObject, rules: RoomVersionRules): void {
  const roomId = pdu['room_id'];
  if (rules.roomIdIsCreateHash && isCreate(pdu)) {
    if (roomId !== undefined) throw new Refusal('a create event of this room version carries no room_id');
  } else if (parseRoomId(roomId) === undefined) {
    throw new Refusal('room_id is not a room id');
  }
}

function checkReferences(pdu: Pdu, rules: RoomVersionRules, options: ParsePduOptions): void {
  const form = rules.eventReferences === 'pairs' ? '[event id, {sha256}] pairs' : 'event ids';
  if (parseEventReferences(pdu.prev_events, rules) === undefined)
    throw new Refusal(`prev_events is not of ${form}`);
  if (parseEventReferences(pdu.auth_events, rules) === undefined)
    throw new Refusal(`auth_events is not of ${form}`);
  if (!options.limitsReferences) return;
  checkLength('prev_events', pdu.prev_events, MAX_PREV_EVENTS);
  checkLength('auth_events', pdu.auth_events, MAX_AUTH_EVENTS);
}

function checkLength(name: string, list: JsonArray, max: number): void {
  if (list.length > max) throw new Refusal(`${name} lists ${list.length} events, more than ${max}`);
}

/** Checks length and canonical form of the whole; true when the content hash matches. */
function checkSizeAndHash(pdu: Pdu, rules: RoomVersionRules): boolean {
  const limits = jsonLimitsOf(rules);
  const hashText = contentHashText(pdu, limits);
  const { hashes, signatures } = pdu;
  const bytes = joinedBytes(hashText, encodeCanonicalJson({ hashes, signatures }, limits));
  if (bytes > MAX_EVENT_BYTES)
    throw new Refusal(`the event has ${bytes} bytes, more than ${MAX_EVENT_BYTES}`);
  return hasContentHash(pdu, sha256(hashText));
}

function identify(pdu: Pdu, rules: RoomVersionRules): MatrixEvent {
  if (rules.eventIdFormat === 'chosen' && parseEventId(pdu['event_id']) === undefined) {
    throw new Refusal('event_id is not an event id');
  }
  const eventId = eventIdOf(pdu, rules);
  const roomId = parseRoomId(pdu['room_id']) ?? roomIdOfCreate(eventId);
  const event = eventFromPdu(pdu, eventId, roomId, rules);
  const oversized = findOversizedField(event);
  if (oversized !== undefined) throw new Refusal(oversized);
  return event;
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

function isCreate(pdu: JsonObject): boolean {
  return pdu['type'] === 'm.room.create' && pdu['state_key'] === '';
}

function isSafeInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isDepth(value: unknown, rules: RoomVersionRules): value is number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return false;
  return rules.strictCanonicalJson ? Number.isSafeInteger(value) : value <= MAX_LEGACY_DEPTH;
}
