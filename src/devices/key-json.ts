import { z } from 'zod';
import {
  describeCanonicalFault,
  encodeCanonicalJsonWithout,
  LENIENT_JSON,
} from '../matrix/canonical-json.ts';
import { badJson } from '../matrix/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';

const NOT_SIGNED: ReadonlySet<string> = new Set(['signatures', 'unsigned']);
const NOT_STORED: ReadonlySet<string> = new Set(['unsigned']);

/**
 * What of a key is signed, as canonical JSON: two texts are equal exactly when they are the same key. Throws 400
 * M_BAD_JSON for what has no canonical form.
 */
export function signedPartOf(key: JsonObject): string {
  return canonicalWithout(key, NOT_SIGNED);
}

/** Whether two keys are the same, signatures apart: the same key can be signed anew. */
export function isSameKey(one: JsonValue, other: JsonValue): boolean {
  if (isJsonObject(one) && isJsonObject(other)) return signedPartOf(one) === signedPartOf(other);
  return one === other;
}

/** Whether two keys are the same, with the same signatures. */
export function isSameSignedKey(one: JsonObject, other: JsonObject): boolean {
  return canonicalWithout(one, NOT_STORED) === canonicalWithout(other, NOT_STORED);
}

/** The object without what is not signed and was never meant to be stored. */
export function withoutUnsigned(key: JsonObject): JsonObject {
  const { unsigned: _unsigned, ...rest } = key;
  return rest;
}

/** Parses what was stored as the text of an object. */
export function readStoredObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error('a stored key is not an object');
  return value;
}

/** Parses what was stored as the text of any JSON value. */
export function readStoredValue(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return value;
}

/** `signatures` of a key: user id → key id → signature. */
export const signaturesShape = z.record(z.string(), z.record(z.string(), z.string()));

function canonicalWithout(key: JsonObject, omitted: ReadonlySet<string>): string {
  try {
    return encodeCanonicalJsonWithout(key, omitted, LENIENT_JSON);
  } catch (error) {
    const fault = describeCanonicalFault(error);
    if (fault === undefined) throw error;
    throw badJson(fault);
  }
}
