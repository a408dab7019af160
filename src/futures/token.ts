import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SigningKey } from '../matrix/signing-key.ts';
import { randomToken, type Random } from '../util/random.ts';

const ID_BYTES = 16;
const MAC_BYTES = 16;

/** A random id of a future, the half of its token that is stored. */
export function chooseTokenId(random: Random): string {
  return randomToken(random, ID_BYTES);
}

/**
 * The `future_token` of an id: the id and a code that only this server can make, so that the database alone gives
 * nobody the power over futures. It is as good as a password for one future; never log it.
 */
export function makeFutureToken(key: SigningKey, tokenId: string): string {
  const id = Buffer.from(tokenId, 'base64url');
  return Buffer.concat([id, codeOf(key, id)]).toString('base64url');
}

/** The id in a `future_token`; undefined for what this server has not made. Takes the same time for any guess. */
export function readFutureToken(key: SigningKey, token: string): string | undefined {
  const bytes = Buffer.from(token, 'base64url');
  // Decoding passes over what is no base64; only the one spelling counts.
  if (bytes.length !== ID_BYTES + MAC_BYTES || bytes.toString('base64url') !== token) return undefined;
  const id = bytes.subarray(0, ID_BYTES);
  return timingSafeEqual(bytes.subarray(ID_BYTES), codeOf(key, id)) ? id.toString('base64url') : undefined;
}

function codeOf(key: SigningKey, id: Buffer): Buffer {
  const secret = createHmac('sha256', Buffer.from(key.seedBase64, 'base64'))
    .update('morrow future_token')
    .digest();
  return createHmac('sha256', secret).update(id).digest().subarray(0, MAC_BYTES);
}
