import type { RequestOrigin } from '../http/authenticate.ts';
import { forbidden, userDeactivated } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { findAccountByNid } from '../storage/accounts.ts';
import { insertLoginToken, takeLoginToken } from '../storage/login-tokens.ts';
import type { JsonObject } from '../util/json.ts';
import { randomToken } from '../util/random.ts';
import { authenticateInteractively, type InteractiveAuthDeps } from './interactive-auth.ts';
import type { LoggedIn, SessionWishes } from './login-session.ts';
import { logIn, type LoginDeps } from './login.ts';
import { hashToken } from './tokens.ts';

export interface LoginTokenDeps extends InteractiveAuthDeps {
  /** How long a login token is good for, in milliseconds. */
  readonly loginTokenLifetimeMs: number;
}

/** A login token, once its maker has shown who they are; or what is to be answered with 401 until then. */
export type LoginTokenResult =
  | { readonly kind: 'issued'; readonly token: string; readonly expiresInMs: number }
  | { readonly kind: 'challenge'; readonly body: JsonObject };

const TOKEN_BYTES = 24;

/**
 * Makes a token by which another client can log in once as the same user, soon. The password is asked for each time.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token
 */
export async function issueLoginToken(
  deps: LoginTokenDeps,
  owner: { readonly userNid: number; readonly userId: UserId },
  body: JsonObject,
): Promise<LoginTokenResult> {
  const auth = await authenticateInteractively(deps, {
    action: 'generateLoginToken',
    flows: [['m.login.password']],
    user: owner,
    body,
    binding: 'fixed',
  });
  if (auth.kind === 'challenge') return auth;
  const token = randomToken(deps.random, TOKEN_BYTES);
  const expiresInMs = deps.loginTokenLifetimeMs;
  const expiresTs = deps.clock.nowMs() + expiresInMs;
  await insertLoginToken(deps.db, { hash: hashToken(token), userNid: owner.userNid, expiresTs });
  return { kind: 'issued', token, expiresInMs };
}

/**
 * Logs in by a login token and uses it up, in one transaction: a login that is refused leaves it as it was, and of two at
 * once one is refused. Throws 403 M_FORBIDDEN for a token that is not known, used or expired.
 * https://spec.matrix.org/v1.19/client-server-api/#token-based-login
 */
export async function logInByToken(
  deps: Omit<LoginDeps, 'passwords' | 'serverName'>,
  login: { readonly token: string; readonly session: SessionWishes },
  origin: RequestOrigin,
): Promise<LoggedIn> {
  return logIn(deps, login.session, origin, async (tx) => {
    const userNid = await takeLoginToken(tx, hashToken(login.token), deps.clock.nowMs());
    const account = userNid === undefined ? undefined : await findAccountByNid(tx, userNid);
    if (account === undefined) throw forbidden('The login token is not known, was used, or has expired');
    // It was made while the account ended.
    if (account.isDeactivated) throw userDeactivated('The account has been deactivated');
    return account;
  });
}
