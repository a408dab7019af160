import { hash } from 'node:crypto';
import type { TokenHashes } from '../storage/sessions.ts';
import { randomToken, type Random } from '../util/random.ts';

/** How long an access token lasts that a refresh token was given beside. */
const ACCESS_TOKEN_LIFETIME_MS = 60 * 60 * 1000;
const TOKEN_BYTES = 32;

/** Tokens as they are handed out, once. */
export interface IssuedTokens {
  readonly accessToken: string;
  /** Only for clients that said they can refresh; then the access token expires. */
  readonly refreshToken: string | undefined;
  readonly expiresInMs: number | undefined;
}

/** What is stored of a token: enough to recognise it, too little to use it. */
export function hashToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** New tokens with the hashes to store; 256 random bits each. */
export function issueTokens(
  random: Random,
  refreshable: boolean,
  nowTs: number,
): { readonly issued: IssuedTokens; readonly hashes: TokenHashes } {
  const accessToken = randomToken(random, TOKEN_BYTES);
  const refreshToken = refreshable ? randomToken(random, TOKEN_BYTES) : undefined;
  const expiresInMs = refreshable ? ACCESS_TOKEN_LIFETIME_MS : undefined;
  return {
    issued: { accessToken, refreshToken, expiresInMs },
    hashes: {
      access: hashToken(accessToken),
      refresh: refreshToken === undefined ? undefined : hashToken(refreshToken),
      validUntilTs: expiresInMs === undefined ? undefined : nowTs + expiresInMs,
    },
  };
}
