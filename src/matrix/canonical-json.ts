import type { JsonArray, JsonObject, JsonValue } from '../util/json.ts';
import { isJsonArray } from '../util/json.ts';

/** Why a value has no canonical form. */
export type CanonicalJsonFault = 'float' | 'integer-range' | 'lone-surrogate' | 'too-deep' | 'not-json';

/** Thrown for a value that canonical JSON cannot hold. */
export class CanonicalJsonError extends Error {
  readonly reason: CanonicalJsonFault;

  constructor(reason: CanonicalJsonFault, message: string) {
    super(message);
    this.name = 'CanonicalJsonError';
    this.reason = reason;
  }
}

export interface CanonicalJsonLimits {
  /** Refuse floats and integers beyond ±(2^53−1): room versions since v6, and everything that this server builds. */
  readonly strict: boolean;
}

/** Deeper values are refused, so that no event can exhaust the stack of who reads it. */
export const MAX_JSON_DEPTH = 200;
export const STRICT_JSON: CanonicalJsonLimits = { strict: true };
/** For what others signed: floats are written as JavaScript writes them. */
export const LENIENT_JSON: CanonicalJsonLimits = { strict: false };

/** Longer lists of keys are sorted by the engine: insertion wins only for short, nearly sorted ones. */
const INSERTION_SORT_MAX_KEYS = 24;
/** Longer strings are escaped by the engine: a loop in JavaScript wins only for short ones. */
const PLAIN_SCAN_MAX_LENGTH = 48;
/** In a `u` expression this class matches lone halves only. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const SURROGATE_HALF = /[\ud800-\udfff]/;

/**
 * The canonical JSON text of a value: keys in code point order, no white space, shortest escapes. Members that are
 * undefined are left out. Throws {@link CanonicalJsonError}.
 * https://spec.matrix.org/v1.19/appendices/#canonical-json
 */
export function encodeCanonicalJson(value: JsonValue, limits: CanonicalJsonLimits = STRICT_JSON): string {
  return encodeValue(value, limits.strict, 1);
}

/** The canonical JSON text of an object without some of its top-level members; what hashes and signatures cover. */
export function encodeCanonicalJsonWithout(
  object: JsonObject,
  omitted: ReadonlySet<string>,
  limits: CanonicalJsonLimits = STRICT_JSON,
): string {
  return encodeObject(object, limits.strict, 1, omitted);
}

/** What is wrong, in words, when the error is of canonical JSON; undefined for other errors. */
export function describeCanonicalFault(error: unknown): string | undefined {
  return error instanceof CanonicalJsonError ? `not canonical JSON: ${error.message}` : undefined;
}

function encodeValue(value: JsonValue | undefined, strict: boolean, depth: number): string {
  switch (typeof value) {
    case 'string':
      return encodeString(value);
    case 'number':
      return encodeNumber(value, strict);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return isJsonArray(value) ? encodeArray(value, strict, depth) : encodeObject(value, strict, depth);
    default:
      throw new CanonicalJsonError('not-json', `a ${typeof value} is not a JSON value`);
  }
}

function encodeArray(array: JsonArray, strict: boolean, depth: number): string {
  if (array.length === 0) return '[]';
  if (depth > MAX_JSON_DEPTH) throw tooDeep();
  let text = '[';
  for (let index = 0; index < array.length; index++) {
    if (index > 0) text += ',';
    text += encodeValue(array[index], strict, depth + 1);
  }
  return `${text}]`;
}

function encodeObject(
  object: JsonObject,
  strict: boolean,
  depth: number,
  omitted?: ReadonlySet<string>,
): string {
  if (depth > MAX_JSON_DEPTH) throw tooDeep();
  let text = '';
  for (const key of sortKeys(Object.keys(object))) {
    const value = object[key];
    if (value === undefined || omitted?.has(key) === true) continue;
    text += `${text === '' ? '' : ','}${encodeString(key)}:${encodeValue(value, strict, depth + 1)}`;
  }
  return `{${text}}`;
}

function encodeNumber(value: number, strict: boolean): string {
  if (Number.isSafeInteger(value)) return String(value);
  if (!Number.isFinite(value)) throw new CanonicalJsonError('not-json', `${value} is not a JSON number`);
  if (strict && !Number.isInteger(value)) {
    throw new CanonicalJsonError('float', `${value} is not an integer`);
  }
  if (strict) throw new CanonicalJsonError('integer-range', `${value} is not within ±(2^53−1)`);
  return String(value);
}

function encodeString(text: string): string {
  if (text.length <= PLAIN_SCAN_MAX_LENGTH && isPlain(text)) return `"${text}"`;
  // The engine escapes exactly what canonical JSON escapes, and lone surrogates besides.
  const quoted = JSON.stringify(text);
  if (quoted.includes('\\ud') && LONE_SURROGATE.test(text)) {
    throw new CanonicalJsonError('lone-surrogate', 'a string holds half of a surrogate pair');
  }
  return quoted;
}

/** Printable ASCII that needs no escape. */
function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return true;
}

/** Sorts in place by code point; most objects come sorted or have few keys. */
function sortKeys(keys: string[]): readonly string[] {
  if (keys.length > INSERTION_SORT_MAX_KEYS) keys.sort();
  else insertionSort(keys);
  // UTF-16 order differs from code point order only where a key holds a surrogate pair.
  return keys.some((key) => SURROGATE_HALF.test(key)) ? keys.sort(compareCodePoints) : keys;
}

function insertionSort(keys: string[]): void {
  for (let end = 1; end < keys.length; end++) {
    const key = keys[end] ?? '';
    let slot = end;
    for (let before = keys[slot - 1]; before !== undefined && before > key; before = keys[slot - 1]) {
      keys[slot] = before;
      slot -= 1;
    }
    keys[slot] = key;
  }
}

function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    if (left.charCodeAt(index) === right.charCodeAt(index)) continue;
    // The pair whose halves differ in the second one started at the same place in both: units compare as pairs do.
    return (left.codePointAt(index) ?? 0) - (right.codePointAt(index) ?? 0);
  }
  return left.length - right.length;
}

function tooDeep(): CanonicalJsonError {
  return new CanonicalJsonError('too-deep', `nested deeper than ${MAX_JSON_DEPTH}`);
}
