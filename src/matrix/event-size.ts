import { MAX_IDENTIFIER_BYTES } from './identifiers.ts';
import type { RoomVersionRules } from './room-version.ts';

/** The whole event with hashes and signatures, in canonical JSON. https://spec.matrix.org/v1.19/client-server-api/#size-limits */
export const MAX_EVENT_BYTES = 65_536;
/** Each of sender, room_id, event_id, type and state_key. */
export const MAX_FIELD_BYTES = MAX_IDENTIFIER_BYTES;
/** https://spec.matrix.org/v1.19/rooms/v12/#event-format-1 */
export const MAX_PREV_EVENTS = 20;
export const MAX_AUTH_EVENTS = 10;

/** State keys that begin with a user id, where such state is owned: the id, a separator, and what would fit a field. */
export const MAX_OWNED_STATE_KEY_BYTES = 2 * MAX_FIELD_BYTES + 1;

/** The fields of an event whose length is limited; absent ones are undefined. */
export interface SizedFields {
  readonly sender: string;
  readonly type: string;
  readonly roomId: string | undefined;
  readonly eventId: string | undefined;
  readonly stateKey: string | undefined;
}

/** True when the text is at most 255 bytes in UTF-8. */
export function fitsField(text: string): boolean {
  // A UTF-16 unit is one to three bytes.
  if (text.length * 3 <= MAX_FIELD_BYTES) return true;
  return text.length <= MAX_FIELD_BYTES && Buffer.byteLength(text) <= MAX_FIELD_BYTES;
}

/** The first field that is too long, in words; undefined when all fit. */
export function findOversizedField(
  fields: SizedFields,
  rules: Pick<RoomVersionRules, 'ownedState'>,
): string | undefined {
  const { stateKey } = fields;
  if (stateKey?.startsWith('@') === true && rules.ownedState) {
    if (Buffer.byteLength(stateKey) > MAX_OWNED_STATE_KEY_BYTES)
      return `state_key is longer than ${MAX_OWNED_STATE_KEY_BYTES} bytes`;
    return findOversizedField({ ...fields, stateKey: undefined }, rules);
  }
  const named: readonly (readonly [string, string | undefined])[] = [
    ['sender', fields.sender],
    ['type', fields.type],
    ['room_id', fields.roomId],
    ['event_id', fields.eventId],
    ['state_key', stateKey],
  ];
  const tooLong = named.find(([, text]) => text !== undefined && !fitsField(text));
  return tooLong === undefined ? undefined : `${tooLong[0]} is longer than ${MAX_FIELD_BYTES} bytes`;
}

/**
 * The bytes of an event from two texts that have no member in common: the one that its content hash covers, and the
 * object of its `hashes` and `signatures`. Saves encoding the event once more.
 */
export function joinedBytes(contentHashText: string, signingText: string): number {
  // Two objects become one: a pair of braces goes, a comma comes.
  return Buffer.byteLength(contentHashText) + Buffer.byteLength(signingText) - 1;
}
