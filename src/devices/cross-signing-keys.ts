import { z } from 'zod';
import { invalidParam, invalidSignature } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { verifySignedJson } from '../matrix/signing.ts';
import { importVerifyKey } from '../matrix/signing-key.ts';
import type { KeyUsage, StoredCrossSigningKey } from '../storage/cross-signing.ts';
import type { JsonObject } from '../util/json.ts';
import { readStoredObject, signaturesShape, signedPartOf, withoutUnsigned } from './key-json.ts';

/** A key by which a user signs keys. */
export interface CrossSigningKey {
  readonly usage: KeyUsage;
  /** Unpadded base64. */
  readonly publicKey: string;
  /** `ed25519:<public key>`. */
  readonly keyId: string;
  readonly json: JsonObject;
}

const keyShape = z.looseObject({
  user_id: z.string(),
  usage: z.array(z.string()),
  keys: z.record(z.string(), z.string()),
  signatures: signaturesShape.optional(),
});

/**
 * A user's key for one usage, with the signatures that are the user's own. Throws 400 M_INVALID_PARAM for another form,
 * another user or usage, and for what is no ed25519 key.
 * https://spec.matrix.org/v1.19/client-server-api/#cross-signing
 */
export function parseCrossSigningKey(userId: UserId, usage: KeyUsage, value: JsonObject): CrossSigningKey {
  const parsed = keyShape.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalidParam(
      `${usage}_key.${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'malformed'}`,
    );
  }
  const { user_id: owner, usage: usages, keys, signatures } = parsed.data;
  if (owner !== userId) throw invalidParam(`${usage}_key.user_id: the key of another user`);
  if (!usages.includes(usage)) throw invalidParam(`${usage}_key.usage: does not name ${usage}`);
  const [[keyId, publicKey] = ['', ''], ...more] = Object.entries(keys);
  if (more.length > 0 || keyId !== `ed25519:${publicKey}` || importVerifyKey(publicKey) === undefined) {
    throw invalidParam(`${usage}_key.keys: expected one ed25519 key under its own name`);
  }
  const { signatures: _all, ...unsigned } = withoutUnsigned(value);
  const own = signatures?.[userId];
  const json = own === undefined ? unsigned : { ...unsigned, signatures: { [userId]: own } };
  signedPartOf(json);
  return { usage, publicKey, keyId, json };
}

/** A key as it was stored. */
export function readCrossSigningKey(stored: StoredCrossSigningKey): CrossSigningKey {
  const { usage, publicKey } = stored;
  return { usage, publicKey, keyId: `ed25519:${publicKey}`, json: readStoredObject(stored.key) };
}

/** Throws 400 M_INVALID_SIGNATURE unless the master key has signed the other one. */
export function requireMasterSignature(userId: UserId, master: CrossSigningKey, key: CrossSigningKey): void {
  if (verifySignedJson(key.json, userId, master.keyId, master.publicKey)) return;
  throw invalidSignature(`${key.usage}_key: not signed by the master key ${master.keyId}`);
}
