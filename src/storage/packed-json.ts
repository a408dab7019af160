/**
 * Canonical JSON in about half of its bytes: what `events.json` holds.
 * https://spec.matrix.org/v1.19/appendices/#canonical-json
 *
 * It is the text itself in UTF-8, in which a byte below 0x20 stands for something longer. Canonical JSON has no such bytes,
 * so a text in which nothing was found is packed as it is, and the rest of a packed one can be read by eye.
 *
 * ```
 *   01 … 05    the bytes after it are what the text spells out: a hash, a signature, a ciphertext, a time
 *   06 … 1f    one of PHRASES, by its place
 * ```
 *
 * Rows were written with this: what a byte stands for never changes. `event_json()` in the database reads it too.
 */

/** 32 bytes, in the text 43 characters of URL-safe base64: the hash that an event or a room is named by. */
const ID = 0x01;
/** 32 bytes, in the text 43 characters of base64: a hash. */
const HASH = 0x02;
/** 64 bytes, in the text 86 characters of base64: a signature. */
const SIGNATURE = 0x03;
/** A length in two bytes and so many bytes, in the text base64: a ciphertext. */
const BASE64 = 0x04;
/** A number in six bytes, in the text 13 digits: a time in milliseconds. */
const TIME = 0x05;
const FIRST_PHRASE = 0x06;
const FIRST_OF_TEXT = 0x20;

const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
const LENGTH_BYTES = 2;
const TIME_BYTES = 6;
const MOST_BYTES = 0xff_ff;

/** What many events say in the same words. There is no room for more. */
const PHRASES: readonly string[] = [
  '{"auth_events":["$',
  '","$',
  '"],"content":{"body":"',
  '"],"content":{',
  '","msgtype":"m.text"},"depth":',
  '","msgtype":"m.',
  '},"depth":',
  ',"hashes":{"sha256":"',
  '"},"origin_server_ts":',
  ',"prev_events":["$',
  '"],"room_id":"!',
  '","sender":"@',
  '","signatures":{"',
  '":{"ed25519:',
  '"}},"state_key":"',
  '"}},"type":"m.room.message"}',
  '"}},"type":"m.room.encrypted"}',
  '"}},"type":"',
  '","type":"m.room.',
  '"m.relates_to":{',
  '"event_id":"$',
  '"rel_type":"m.',
  '"displayname":"',
  '"membership":"join"',
  '"avatar_url":"mxc://',
  '"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"',
];

/** What the database looks for in packed JSON: it stays as it is. */
export const KEPT_WORDS = ['"join_rule":"public"', '"history_visibility":"world_readable"'] as const;
export type KeptWords = (typeof KEPT_WORDS)[number];

const CODES = new Map(PHRASES.map((phrase, index) => [phrase, FIRST_PHRASE + index]));

/** What may be one of them: of phrases the longest, something in base64, a number. Kept words hide what they contain. */
const SPELLED = new RegExp(
  [
    ...KEPT_WORDS,
    ...PHRASES.toSorted((a, b) => b.length - a.length).map((phrase) =>
      phrase.replaceAll(/[{[$]/g, String.raw`\$&`),
    ),
    String.raw`[\w+/-]{43,}`,
    String.raw`[1-9]\d{12}`,
  ].join('|'),
  'g',
);
const TIME_DIGITS = 13;
const ID_CHARACTERS = 43;

/** Packs canonical JSON, of which {@link unpackJson} gives the same text again. Never longer than the text. */
export function packJson(text: string): Buffer {
  const packed = Buffer.allocUnsafe(Buffer.byteLength(text));
  let size = 0;
  let done = 0;
  SPELLED.lastIndex = 0;
  for (let found = SPELLED.exec(text); found !== null; found = SPELLED.exec(text)) {
    const [spelled] = found;
    const code = codeOf(spelled);
    if (code === undefined) continue;
    if (found.index > done) size += packed.write(text.slice(done, found.index), size);
    size = writeSpelled(packed, size, code, spelled);
    done = found.index + spelled.length;
  }
  if (done < text.length) size += packed.write(text.slice(done), size);
  return packed.subarray(0, size);
}

/** What stands for it; undefined for words that are kept, and for what only looks as if it were in base64. */
function codeOf(spelled: string): number | undefined {
  if (spelled.length === TIME_DIGITS && isDigit(spelled.charCodeAt(0))) return TIME;
  return CODES.get(spelled) ?? (spelled.startsWith('"') ? undefined : codeOfBase64(spelled));
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function codeOfBase64(spelled: string): number | undefined {
  // What ends in other bits than zeros would be spelled differently.
  if (!ENDS[spelled.length % 4]?.test(spelled)) return undefined;
  if (/[_-]/.test(spelled)) return spelled.length === ID_CHARACTERS && !/[+/]/.test(spelled) ? ID : undefined;
  const bytes = Math.floor((spelled.length * 3) / 4);
  if (bytes === HASH_BYTES) return HASH;
  if (bytes === SIGNATURE_BYTES) return SIGNATURE;
  return bytes > MOST_BYTES ? undefined : BASE64;
}

const ENDS: readonly (RegExp | undefined)[] = [/$/, undefined, /[AQgw]$/, /[AEIMQUYcgkosw048]$/];

/** Gives the size after it. */
function writeSpelled(packed: Buffer, at: number, code: number, spelled: string): number {
  const next = packed.writeUInt8(code, at);
  switch (code) {
    case ID:
    case HASH:
    case SIGNATURE:
      return next + packed.write(spelled, next, 'base64');
    case BASE64: {
      const bytes = packed.write(spelled, next + LENGTH_BYTES, 'base64');
      return packed.writeUInt16BE(bytes, next) + bytes;
    }
    case TIME:
      return packed.writeUIntBE(Number(spelled), next, TIME_BYTES);
    default:
      return next;
  }
}

/** The text that was packed. Throws an Error for what no text is packed as. */
export function unpackJson(packed: Buffer): string {
  let text = '';
  let done = 0;
  let at = 0;
  while (at < packed.length) {
    const code = packed[at] ?? 0;
    at += 1;
    if (code >= FIRST_OF_TEXT) continue;
    if (at - 1 > done) text += packed.toString('utf8', done, at - 1);
    switch (code) {
      case ID:
        text += packed.toString('base64url', at, (at += HASH_BYTES));
        break;
      case HASH:
        text += packed.toString('base64', at, (at += HASH_BYTES)).slice(0, -1);
        break;
      case SIGNATURE:
        text += packed.toString('base64', at, (at += SIGNATURE_BYTES)).slice(0, -2);
        break;
      case BASE64: {
        const bytes = packed.readUInt16BE(at);
        at += LENGTH_BYTES;
        text += packed.toString('base64', at, (at += bytes)).replace(/=+$/, '');
        break;
      }
      case TIME:
        text += packed.readUIntBE(at, TIME_BYTES);
        at += TIME_BYTES;
        break;
      default:
        text += phraseOf(code);
    }
    done = at;
  }
  if (at > packed.length) throw new Error('packed JSON ends too early');
  return done < at ? text + packed.toString('utf8', done, at) : text;
}

function phraseOf(code: number): string {
  const phrase = PHRASES[code - FIRST_PHRASE];
  if (phrase === undefined) throw new Error(`a byte ${code} stands for nothing in packed JSON`);
  return phrase;
}
