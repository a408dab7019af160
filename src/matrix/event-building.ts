import type { JsonArray, JsonObject, JsonValue } from '../util/json.ts';
import type { Random } from '../util/random.ts';
import { randomLetters } from '../util/random.ts';
import { encodeUnpaddedBase64 } from './base64.ts';
import { describeCanonicalFault, encodeCanonicalJson, STRICT_JSON } from './canonical-json.ts';
import { badJson, tooLarge } from './errors.ts';
import { eventFromPdu } from './event-from-pdu.ts';
import { findOversizedField, joinedBytes, MAX_EVENT_BYTES } from './event-size.ts';
import type { MatrixEvent, Pdu } from './event.ts';
import {
  contentHashText,
  eventIdOfHash,
  referenceHash,
  roomIdOfCreate,
  sha256,
  signedText,
} from './hashing.ts';
import type { EventId, RoomId, ServerName, UserId } from './identifiers.ts';
import { parseEventId } from './identifiers.ts';
import type { RoomVersionRules } from './room-version.ts';
import type { SigningKey } from './signing-key.ts';
import { addSignature, signText } from './signing.ts';
import { STICKY_KEY } from './sticky.ts';

/** An event to list as previous or auth event: a MatrixEvent fits. v1–v2 need its reference hash or its PDU. */
export interface EventReference {
  readonly eventId: EventId;
  /** The reference hash in unpadded standard base64. */
  readonly sha256?: string;
  readonly pdu?: Pdu;
}

export interface EventParts {
  readonly rules: RoomVersionRules;
  /** undefined for a create event of a room version whose room id is that event's hash. */
  readonly roomId: RoomId | undefined;
  readonly type: string;
  readonly sender: UserId;
  readonly stateKey?: string | undefined;
  readonly content: JsonObject;
  /** What an m.room.redaction names; without it `content.redacts` counts. */
  readonly redacts?: EventId | undefined;
  readonly prevEvents: readonly (EventReference | EventId)[];
  readonly authEvents: readonly (EventReference | EventId)[];
  readonly depth: number;
  readonly originServerTs: number;
  /** The server that signs: the sender's. */
  readonly serverName: ServerName;
  readonly key: SigningKey;
  /** Needed in v1–v2, where ids are chosen; see {@link chooseEventId}. */
  readonly chosenEventId?: EventId | undefined;
  /** Makes it sticky for so many milliseconds. */
  readonly stickyDurationMs?: number | undefined;
}

/**
 * A new event of this server: in the format of its room version, with content hash, signature and id. Throws
 * MatrixError 413 M_TOO_LARGE beyond the size limits and 400 M_BAD_JSON for content that canonical JSON cannot hold.
 * https://spec.matrix.org/v1.19/server-server-api/#signing-events
 */
export function buildEvent(parts: EventParts): MatrixEvent {
  try {
    return signParts(parts);
  } catch (error) {
    const fault = describeCanonicalFault(error);
    throw fault === undefined ? error : badJson(`The event is ${fault}`);
  }
}

/** An id for an event of v1–v2: 24 random letters, 136 bits, at this server. */
export function chooseEventId(random: Random, serverName: ServerName): EventId {
  const eventId = parseEventId(`$${randomLetters(random, 24)}:${serverName}`);
  if (eventId === undefined) throw new Error(`the server name ${serverName} is too long for event ids`);
  return eventId;
}

function signParts(parts: EventParts): MatrixEvent {
  const { rules, serverName, key } = parts;
  const pdu = assemblePdu(parts);
  const hashText = contentHashText(pdu, STRICT_JSON);
  const hashes = { sha256: encodeUnpaddedBase64(sha256(hashText)) };
  pdu['hashes'] = hashes;
  // One text is signed and, since v3, hashed into the id.
  const text = signedText(pdu, rules);
  const signatures = addSignature(undefined, serverName, key.keyId, signText(text, key));
  pdu['signatures'] = signatures;
  checkSize(joinedBytes(hashText, encodeCanonicalJson({ hashes, signatures })));

  const eventId =
    rules.eventIdFormat === 'chosen' ? requireChosenId(parts) : eventIdOfHash(sha256(text), rules);
  const event = eventFromPdu(pdu, eventId, parts.roomId ?? roomIdOfCreate(eventId), rules);
  const oversized = findOversizedField(event, rules);
  if (oversized !== undefined) throw tooLarge(`The event's ${oversized}`);
  return event;
}

type PduDraft = { -readonly [Key in keyof Pdu]: Pdu[Key] };

/** Members in sorted order, for the encoder is quickest on them; assigned rather than spread, which costs as much as a hash. */
function assemblePdu(parts: EventParts): PduDraft {
  const { rules, roomId, stateKey } = parts;
  if (roomId === undefined && !rules.roomIdIsCreateHash)
    throw new Error('events of this room version carry a room id');
  const redacts = findRedacts(parts);
  const pdu: PduDraft = {
    auth_events: formatReferences(parts.authEvents, rules),
    content: placeRedactsInContent(parts.content, redacts, rules),
    depth: parts.depth,
    origin_server_ts: parts.originServerTs,
    prev_events: formatReferences(parts.prevEvents, rules),
    sender: parts.sender,
    type: parts.type,
  };
  if (roomId !== undefined) pdu['room_id'] = roomId;
  if (stateKey !== undefined) pdu['state_key'] = stateKey;
  if (rules.eventIdFormat === 'chosen') pdu['event_id'] = requireChosenId(parts);
  if (redacts !== undefined && !rules.redactsInContent) pdu['redacts'] = redacts;
  if (parts.stickyDurationMs !== undefined) pdu[STICKY_KEY] = { duration_ms: parts.stickyDurationMs };
  return pdu;
}

function findRedacts(parts: EventParts): EventId | undefined {
  if (parts.type !== 'm.room.redaction') return undefined;
  return parts.redacts ?? parseEventId(parts.content['redacts']);
}

/** Clients of any room version may name the redacted event in content; the event holds it where its version wants it. */
function placeRedactsInContent(
  content: JsonObject,
  redacts: EventId | undefined,
  rules: RoomVersionRules,
): JsonObject {
  if (redacts === undefined) return content;
  const { redacts: _, ...rest } = content;
  return rules.redactsInContent ? { ...rest, redacts } : rest;
}

function formatReferences(
  references: readonly (EventReference | EventId)[],
  rules: RoomVersionRules,
): JsonArray {
  return references.map((reference): JsonValue => {
    if (rules.eventReferences === 'ids') return typeof reference === 'string' ? reference : reference.eventId;
    if (typeof reference === 'string')
      throw new Error(`${reference} needs its hash to be listed in this room version`);
    return [reference.eventId, { sha256: reference.sha256 ?? hashOfReference(reference, rules) }];
  });
}

function hashOfReference(reference: EventReference, rules: RoomVersionRules): string {
  if (reference.pdu === undefined)
    throw new Error(`${reference.eventId} needs its hash or its PDU to be listed`);
  return encodeUnpaddedBase64(referenceHash(reference.pdu, rules));
}

function requireChosenId(parts: EventParts): EventId {
  if (parts.chosenEventId === undefined) throw new Error('an event of this room version needs a chosen id');
  return parts.chosenEventId;
}

function checkSize(bytes: number): void {
  if (bytes > MAX_EVENT_BYTES) throw tooLarge(`The event has ${bytes} bytes, more than ${MAX_EVENT_BYTES}`);
}
