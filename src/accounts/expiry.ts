import type { Db } from '../storage/database.ts';
import { deleteExpiredLoginTokens } from '../storage/login-tokens.ts';
import { deleteExpiredOpenIdTokens } from '../storage/openid-tokens.ts';
import { deleteExpiredRegistrationNonces } from '../storage/registration-nonces.ts';
import { deleteExpiredUiaSessions } from '../storage/uia-sessions.ts';
import type { Clock } from '../util/clock.ts';

/**
 * Removes what has expired: authentications under way, nonces, OpenID tokens, login tokens. None of it is honoured any more, so
 * that this may run at any time, an hour apart, in any process.
 */
export async function sweepExpired(deps: { readonly db: Db; readonly clock: Clock }): Promise<void> {
  const nowTs = deps.clock.nowMs();
  await deleteExpiredUiaSessions(deps.db, nowTs);
  await deleteExpiredRegistrationNonces(deps.db, nowTs);
  await deleteExpiredOpenIdTokens(deps.db, nowTs);
  await deleteExpiredLoginTokens(deps.db, nowTs);
}
