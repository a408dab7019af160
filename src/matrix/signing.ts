import { sign, verify } from 'node:crypto';
import type { JsonObject } from '../util/json.ts';
import { isJsonObject } from '../util/json.ts';
import { decodeBase64, encodeUnpaddedBase64 } from './base64.ts';
import {
  CanonicalJsonError,
  encodeCanonicalJsonWithout,
  LENIENT_JSON,
  STRICT_JSON,
} from './canonical-json.ts';
import type { Pdu } from './event.ts';
import { signedText } from './hashing.ts';
import type { RoomVersionRules } from './room-version.ts';
import type { SigningKey, VerifyKey } from './signing-key.ts';
import { importVerifyKey } from './signing-key.ts';

/** `signatures`: by server (or user), then by key id, unpadded base64. */
export interface Signatures extends JsonObject {
  readonly [signer: string]: JsonObject;
}

const OUTSIDE_SIGNATURES: ReadonlySet<string> = new Set(['signatures', 'unsigned']);
const SIGNATURE_BYTES = 64;

/**
 * The object with the signer's signature beside those it has. `unsigned` and `signatures` are not covered. Throws
 * CanonicalJsonError for floats and the like. https://spec.matrix.org/v1.19/appendices/#signing-json
 */
export function signJson<T extends JsonObject>(
  object: T,
  signer: string,
  key: SigningKey,
): T & { readonly signatures: Signatures } {
  const signature = signText(encodeCanonicalJsonWithout(object, OUTSIDE_SIGNATURES, STRICT_JSON), key);
  return { ...object, signatures: addSignature(object['signatures'], signer, key.keyId, signature) };
}

/**
 * True when the object carries the signer's signature by this key and it is right. Malformed keys, signatures and
 * objects are just not right. https://spec.matrix.org/v1.19/appendices/#checking-for-a-signature
 */
export function verifySignedJson(
  object: JsonObject,
  signer: string,
  keyId: string,
  publicKey: string | VerifyKey,
): boolean {
  const signature = findSignature(object, signer, keyId);
  if (signature === undefined) return false;
  const encode = (): string => encodeCanonicalJsonWithout(object, OUTSIDE_SIGNATURES, LENIENT_JSON);
  return verifyEncoded(encode, signature, publicKey);
}

/**
 * The event with the server's signature beside those it has; its content hash must be in it already. The signature
 * covers the redacted event. https://spec.matrix.org/v1.19/server-server-api/#signing-events
 */
export function signPdu(pdu: Pdu, rules: RoomVersionRules, serverName: string, key: SigningKey): Pdu {
  const signature = signText(signedText(pdu, rules), key);
  return { ...pdu, signatures: addSignature(pdu['signatures'], serverName, key.keyId, signature) };
}

/** True when the event carries the server's signature by this key and it is right for the redacted event. */
export function verifyPduSignature(
  pdu: Pdu,
  rules: RoomVersionRules,
  serverName: string,
  keyId: string,
  publicKey: string | VerifyKey,
): boolean {
  const signature = findSignature(pdu, serverName, keyId);
  return signature !== undefined && verifyEncoded(() => signedText(pdu, rules), signature, publicKey);
}

/** The ids of the keys by which the signer signed the object; empty when it did not. */
export function listSignatureKeyIds(object: JsonObject, signer: string): readonly string[] {
  const bySigner = signaturesOf(object['signatures'], signer);
  return Object.keys(bySigner).filter((keyId) => typeof bySigner[keyId] === 'string');
}

/** Signs text that is canonical already; unpadded base64. */
export function signText(text: string, key: SigningKey): string {
  return encodeUnpaddedBase64(sign(null, Buffer.from(text, 'utf8'), key.privateKey));
}

/** The signatures with one more; an older one by the same key is replaced. */
export function addSignature(
  existing: unknown,
  signer: string,
  keyId: string,
  signature: string,
): Signatures {
  if (existing === undefined) return { [signer]: { [keyId]: signature } };
  const bySigner = { ...signaturesOf(existing, signer), [keyId]: signature };
  return { ...wellFormedSignatures(existing), [signer]: bySigner };
}

function wellFormedSignatures(signatures: unknown): Signatures {
  if (!isJsonObject(signatures)) return {};
  // fromEntries defines members, so that a signer called __proto__ stays an ordinary one.
  return Object.fromEntries(
    Object.entries(signatures).flatMap(([signer, byKey]) => (isJsonObject(byKey) ? [[signer, byKey]] : [])),
  );
}

function findSignature(object: JsonObject, signer: string, keyId: string): Buffer | undefined {
  const bySigner = signaturesOf(object['signatures'], signer);
  const text = Object.hasOwn(bySigner, keyId) ? bySigner[keyId] : undefined;
  const signature = typeof text === 'string' ? decodeBase64(text) : undefined;
  return signature?.length === SIGNATURE_BYTES ? signature : undefined;
}

function signaturesOf(signatures: unknown, signer: string): JsonObject {
  const bySigner =
    isJsonObject(signatures) && Object.hasOwn(signatures, signer) ? signatures[signer] : undefined;
  return isJsonObject(bySigner) ? bySigner : {};
}

function verifyEncoded(encode: () => string, signature: Buffer, publicKey: string | VerifyKey): boolean {
  const key = typeof publicKey === 'string' ? importVerifyKey(publicKey) : publicKey;
  if (key === undefined) return false;
  try {
    return verify(null, Buffer.from(encode(), 'utf8'), key.keyObject, signature);
  } catch (error) {
    if (error instanceof CanonicalJsonError) return false;
    throw error;
  }
}
