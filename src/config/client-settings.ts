import type { Setting } from './setting.ts';
import { wholeNumberFrom } from './values.ts';

/** What clients are offered beside rooms: other ways to log in, calls, help. */

export const LOGIN_TOKEN_LIFETIME: Setting<number> = {
  key: 'login_token_lifetime_ms',
  about: 'How long a token is good for by which a user lets another device log in, in milliseconds',
  expects: 'a whole number of milliseconds, at least 1',
  parse: wholeNumberFrom(1),
  fallback: 120_000,
  fallbackText: '120000 (2 minutes)',
};

/** All of them, in the order in which they are printed. */
export const CLIENT_SETTINGS: readonly Setting<unknown>[] = [LOGIN_TOKEN_LIFETIME];
