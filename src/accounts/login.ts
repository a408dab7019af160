import { accountLocked } from '../matrix/account-state.ts';
import { forbidden, unknownToken, userDeactivated, type MatrixError } from '../matrix/errors.ts';
import type { ServerName } from '../matrix/identifiers.ts';
import { findAccount, findAccountByNid, type Account } from '../storage/accounts.ts';
import { allotPositions, inTransaction, type Db, type Tx } from '../storage/database.ts';
import { recordDeviceListChanges } from '../storage/devices.ts';
import { addTokens, findSessionByRefreshToken, retireOtherTokens } from '../storage/sessions.ts';
import type { Clock } from '../util/clock.ts';
import type { Random } from '../util/random.ts';
import type { RequestOrigin } from '../http/authenticate.ts';
import { startSession, type LoggedIn, type SessionWishes } from './login-session.ts';
import type { Passwords } from './passwords.ts';
import { hashToken, issueTokens, type IssuedTokens } from './tokens.ts';
import { findNamedUser } from './usernames.ts';

export interface LoginDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly passwords: Passwords;
  readonly serverName: ServerName;
  /** Told after the commit that others must look at this user's devices again. */
  readonly deviceListChanged: (userNid: number) => void;
}

/** Somebody who says who they are. */
export interface PasswordLogin {
  /** A user id or a localpart. */
  readonly user: string;
  readonly password: string;
  readonly session: SessionWishes;
}

/**
 * Logs in by password. A wrong password and an unknown user look alike and take as long: 403 M_FORBIDDEN.
 * A deactivated account is 403 M_USER_DEACTIVATED.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login
 */
export async function logInByPassword(
  deps: LoginDeps,
  login: PasswordLogin,
  origin: RequestOrigin,
): Promise<LoggedIn> {
  const userId = findNamedUser(login.user, deps.serverName);
  const account = userId === undefined ? undefined : await findAccount(deps.db, userId);
  const isRight = await deps.passwords.verify(login.password, account?.passwordHash);
  if (account?.isDeactivated === true) throw userDeactivated('The account has been deactivated');
  if (account === undefined || !isRight) throw forbidden('Wrong username or password');
  return logIn(deps, login.session, origin, async (tx) => {
    // The password may have been changed, or the account deactivated, while the old one was being verified.
    const now = await findAccountByNid(tx, account.userNid);
    if (now?.passwordHash !== account.passwordHash) throw forbidden('Wrong username or password');
    return account;
  });
}

/**
 * Logs in whom `identify` finds, in the transaction in which it does. Nobody else writes to the stream meanwhile, so that
 * the account neither ends nor gets another password before the session is there.
 */
export async function logIn(
  deps: Pick<LoginDeps, 'db' | 'clock' | 'random' | 'deviceListChanged'>,
  wishes: SessionWishes,
  origin: RequestOrigin,
  identify: (tx: Tx) => Promise<Account>,
): Promise<LoggedIn> {
  const { loggedIn, userNid } = await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    const account = await identify(tx);
    if (account.state.isLocked) throw accountLocked();
    const seen = { nowTs: deps.clock.nowMs(), ...origin };
    const started = await startSession(tx, deps.random, account, wishes, seen);
    await recordDeviceListChanges(tx, account.userNid, [started.deviceId], position);
    return { loggedIn: started, userNid: account.userNid };
  });
  deps.deviceListChanged(userNid);
  return loggedIn;
}

/**
 * New tokens for the session of a refresh token, which stays good until one of the new tokens is used.
 * Throws 401 M_UNKNOWN_TOKEN. https://spec.matrix.org/v1.19/client-server-api/#refreshing-access-tokens
 */
export async function refreshTokens(
  deps: Pick<LoginDeps, 'db' | 'clock' | 'random'>,
  refreshToken: string,
): Promise<IssuedTokens> {
  const session = await findSessionByRefreshToken(deps.db, hashToken(refreshToken));
  if (session === undefined) throw notKnown();
  if (session.accountState.isLocked) throw accountLocked();
  if (!session.used) await retireOtherTokens(deps.db, session.sessionNid, session.accessHash);
  const nowTs = deps.clock.nowMs();
  const { issued, hashes } = issueTokens(deps.random, true, nowTs);
  if (!(await addTokens(deps.db, session.sessionNid, hashes, nowTs))) throw notKnown();
  return issued;
}

function notKnown(): MatrixError {
  return unknownToken('The refresh token is not known', { soft_logout: false });
}
