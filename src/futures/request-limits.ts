import { addressBlock } from '../http/client-address.ts';
import type { RateLimiter } from '../http/rate-limit.ts';
import { notFound, type MatrixError } from '../matrix/errors.ts';
import type { FutureName } from '../storage/futures.ts';

export interface LimitDeps {
  readonly rateLimiter: Pick<RateLimiter, 'consume'>;
}

/**
 * Counts a request about one future against that future alone: whoever holds its capability shares its budget, and
 * twenty callers behind one address do not share one. Throws 429 M_LIMIT_EXCEEDED.
 */
export function countUse({ rateLimiter }: LimitDeps, name: FutureName): void {
  rateLimiter.consume('future-token', 'tokenId' in name ? `token ${name.tokenId}` : `delay ${name.delayId}`);
}

/**
 * The refusal of a capability that is none: 404 M_NOT_FOUND, counted against the caller's address, and 429 for one
 * that guesses. What is known is never refused for the failures of a neighbour.
 */
export function unknownCapability({ rateLimiter }: LimitDeps, ip: string): MatrixError {
  rateLimiter.consume('login', `future guess ${addressBlock(ip)}`);
  return notFound('There is no such future');
}
