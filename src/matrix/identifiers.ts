import type { Brand } from '../util/brand.ts';

export type UserId = Brand<string, 'UserId'>;
export type RoomId = Brand<string, 'RoomId'>;
export type EventId = Brand<string, 'EventId'>;
export type RoomAlias = Brand<string, 'RoomAlias'>;
export type ServerName = Brand<string, 'ServerName'>;
export type DeviceId = Brand<string, 'DeviceId'>;
export type MediaId = Brand<string, 'MediaId'>;

/** The two halves of `mxc://server/media`. */
export interface MxcUri {
  readonly serverName: ServerName;
  readonly mediaId: MediaId;
}

/** Every identifier, its sigil and domain included, is at most this long. */
export const MAX_IDENTIFIER_BYTES = 255;

/**
 * dns-name or IPv4 (which the grammar of dns-name covers), or an IPv6 literal in brackets; then a port of 1–5 digits.
 * The grammar also allows a leading dot or dash: no host has one, and `..` must not become part of a path.
 */
const SERVER_NAME = /^(?:[A-Za-z0-9][A-Za-z0-9.-]{0,254}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;
const USER_LOCALPART = /^[a-z0-9._=/+-]+$/;
const MEDIA_ID = /^[A-Za-z0-9_-]{1,255}$/;
/** In a `u` expression this class matches lone halves only. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * A server name: DNS name, IPv4 or `[IPv6]`, each with an optional port. Undefined when it breaks the grammar.
 * https://spec.matrix.org/v1.19/appendices/#server-name
 */
export function parseServerName(value: unknown): ServerName | undefined {
  return typeof value === 'string' && SERVER_NAME.test(value) ? (value as ServerName) : undefined;
}

/**
 * A user id as the federation must accept it: any localpart without `:` and NUL, the empty one included.
 * https://spec.matrix.org/v1.19/appendices/#historical-user-ids
 */
export function parseUserId(value: unknown): UserId | undefined {
  return hasDomain(value, '@', 0) ? (value as UserId) : undefined;
}

/**
 * True when a new user may have this localpart: letters a–z, digits and `._=-/+`, not empty.
 * https://spec.matrix.org/v1.19/appendices/#user-identifiers
 */
export function isUserLocalpart(localpart: string): boolean {
  return USER_LOCALPART.test(localpart);
}

/** The id of a user of `serverName`; undefined when the localpart breaks the grammar for new users or is too long. */
export function makeUserId(localpart: string, serverName: ServerName): UserId | undefined {
  return isUserLocalpart(localpart) ? parseUserId(`@${localpart}:${serverName}`) : undefined;
}

/**
 * A room id in either form: `!opaque:domain`, or `!hash` of rooms whose id is the create event's hash.
 * https://spec.matrix.org/v1.19/appendices/#room-ids
 */
export function parseRoomId(value: unknown): RoomId | undefined {
  return isOpaque(value, '!') || hasDomain(value, '!', 1) ? (value as RoomId) : undefined;
}

/**
 * An event id in any form: `$opaque:domain`, or `$hash` in standard or URL-safe base64.
 * https://spec.matrix.org/v1.19/appendices/#event-ids
 */
export function parseEventId(value: unknown): EventId | undefined {
  return isOpaque(value, '$') || hasDomain(value, '$', 1) ? (value as EventId) : undefined;
}

/** A room alias `#localpart:domain`. https://spec.matrix.org/v1.19/appendices/#room-aliases */
export function parseRoomAlias(value: unknown): RoomAlias | undefined {
  return hasDomain(value, '#', 1) ? (value as RoomAlias) : undefined;
}

/** A device id: opaque, not empty, at most 255 bytes. */
export function parseDeviceId(value: unknown): DeviceId | undefined {
  return typeof value === 'string' && value !== '' && isShortText(value) ? (value as DeviceId) : undefined;
}

/** A media id: letters, digits, `_` and `-` only, so that it can be part of a path. */
export function parseMediaId(value: unknown): MediaId | undefined {
  return typeof value === 'string' && MEDIA_ID.test(value) ? (value as MediaId) : undefined;
}

/** The server and media of an `mxc://` URI. https://spec.matrix.org/v1.19/client-server-api/#matrix-content-mxc-uris */
export function parseMxcUri(value: unknown): MxcUri | undefined {
  if (typeof value !== 'string' || !value.startsWith('mxc://')) return undefined;
  const slash = value.indexOf('/', 'mxc://'.length);
  if (slash === -1) return undefined;
  const serverName = parseServerName(value.slice('mxc://'.length, slash));
  const mediaId = parseMediaId(value.slice(slash + 1));
  return serverName === undefined || mediaId === undefined ? undefined : { serverName, mediaId };
}

/** The URI that {@link parseMxcUri} reads. */
export function formatMxcUri(uri: MxcUri): string {
  return `mxc://${uri.serverName}/${uri.mediaId}`;
}

/** The server that the user or alias belongs to. */
export function serverNameOf(id: UserId | RoomAlias): ServerName {
  return id.slice(id.indexOf(':') + 1) as ServerName;
}

/** The server named in a room or event id; undefined for ids that are hashes. It need not be in the room. */
export function findServerName(id: RoomId | EventId): ServerName | undefined {
  const colon = id.indexOf(':');
  return colon === -1 ? undefined : (id.slice(colon + 1) as ServerName);
}

/** The create event of a room whose id is that event's hash; see roomIdOfCreate for the other way. */
export function createEventIdOf(roomId: RoomId): EventId {
  return `$${roomId.slice(1)}` as EventId;
}

/** What stands between the sigil and the first colon: of `@alice:example.org`, `alice`. */
export function localpartOf(id: UserId | RoomAlias): string {
  return id.slice(1, id.indexOf(':'));
}

function hasDomain(value: unknown, sigil: string, minLocalpartLength: number): boolean {
  if (typeof value !== 'string' || value.charAt(0) !== sigil) return false;
  const colon = value.indexOf(':');
  if (colon < 1 + minLocalpartLength) return false;
  return isShortText(value) && SERVER_NAME.test(value.slice(colon + 1));
}

function isOpaque(value: unknown, sigil: string): boolean {
  return (
    typeof value === 'string' &&
    value.length > 1 &&
    value.charAt(0) === sigil &&
    !value.includes(':') &&
    isShortText(value)
  );
}

/** Legal Unicode without NUL, at most 255 bytes in UTF-8. */
function isShortText(text: string): boolean {
  if (text.length > MAX_IDENTIFIER_BYTES || text.includes('\0') || LONE_SURROGATE.test(text)) return false;
  return text.length * 3 <= MAX_IDENTIFIER_BYTES || Buffer.byteLength(text) <= MAX_IDENTIFIER_BYTES;
}
