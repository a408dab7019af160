import { forbidden, unknownToken } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { findOpenIdTokenOwner, insertOpenIdToken } from '../storage/openid-tokens.ts';
import type { Clock } from '../util/clock.ts';
import { randomToken, type Random } from '../util/random.ts';
import { hashToken } from './tokens.ts';

const LIFETIME_MS = 60 * 60 * 1000;
const TOKEN_BYTES = 24;

/** A token that proves to third parties who its owner is, and nothing else. */
export interface OpenIdToken {
  readonly token: string;
  readonly expiresInMs: number;
}

/**
 * A token for the user who asks. Throws 403 M_FORBIDDEN when it is asked for another user.
 * https://spec.matrix.org/v1.19/client-server-api/#openid
 */
export async function requestOpenIdToken(
  deps: { readonly db: Db; readonly clock: Clock; readonly random: Random },
  requester: { readonly userNid: number; readonly userId: UserId },
  forUser: UserId,
): Promise<OpenIdToken> {
  if (requester.userId !== forUser) throw forbidden('An OpenID token can only be requested for oneself');
  const token = randomToken(deps.random, TOKEN_BYTES);
  const expiresTs = deps.clock.nowMs() + LIFETIME_MS;
  await insertOpenIdToken(deps.db, { hash: hashToken(token), userNid: requester.userNid, expiresTs });
  return { token, expiresInMs: LIFETIME_MS };
}

/** Whose token it is. Throws 401 M_UNKNOWN_TOKEN. https://spec.matrix.org/v1.19/server-server-api/#openid */
export async function getOpenIdTokenOwner(
  deps: { readonly db: Db; readonly clock: Clock },
  token: string,
): Promise<UserId> {
  const owner = await findOpenIdTokenOwner(deps.db, hashToken(token), deps.clock.nowMs());
  if (owner === undefined) throw unknownToken('The OpenID token is not known or has expired');
  return owner;
}
