import type { RequestOrigin } from '../http/authenticate.ts';
import { coversUser, isReservedUser, type Appservice } from '../matrix/appservices.ts';
import { exclusive, forbidden, userDeactivated } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { findAccount } from '../storage/accounts.ts';
import { logIn, type LoginDeps } from './login.ts';
import type { LoggedIn, SessionWishes } from './login-session.ts';
import { checkUsernameFree, insertUser, type Registered, type RegistrationDeps } from './register.ts';
import { findNamedUser } from './usernames.ts';

/**
 * Registers a user of an application service, wherever registration is open or not, without a password. Throws 400
 * M_EXCLUSIVE for a name outside of the service's namespaces or in one that another keeps to itself, and what refuses a
 * username. https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions
 */
export async function registerForAppservice(
  deps: Omit<RegistrationDeps, 'passwords' | 'registration'>,
  appservice: Appservice,
  user: { readonly username: string; readonly session: SessionWishes | undefined },
  origin: RequestOrigin,
): Promise<Registered> {
  const userId = await checkUsernameFree(deps, user.username, { anyName: true });
  requireCovered(appservice, userId);
  if (isReservedUser(deps.appservices, userId, appservice))
    throw exclusive(`${userId} belongs to another application service`);
  const account = { userId, passwordHash: undefined, isGuest: false, isAdmin: false };
  return insertUser(deps, account, user.session, origin);
}

/**
 * Logs a user of an application service in. Throws 400 M_EXCLUSIVE for a user who is not the service's, 403 M_FORBIDDEN
 * for one whom it has not registered, 403 M_USER_DEACTIVATED.
 * https://spec.matrix.org/v1.19/client-server-api/#appservice-login
 */
export async function logInForAppservice(
  deps: LoginDeps,
  appservice: Appservice,
  login: { readonly user: string; readonly session: SessionWishes },
  origin: RequestOrigin,
): Promise<LoggedIn> {
  const userId = findNamedUser(login.user, deps.serverName);
  if (userId === undefined) throw forbidden(`${login.user} is no user of this server`);
  requireCovered(appservice, userId);
  return logIn(deps, login.session, origin, async (tx) => {
    const account = await findAccount(tx, userId);
    if (account === undefined) throw forbidden('The application service has not registered this user');
    if (account.isDeactivated) throw userDeactivated('The account has been deactivated');
    return account;
  });
}

function requireCovered(appservice: Appservice, userId: UserId): void {
  if (!coversUser(appservice, userId))
    throw exclusive(`${userId} is not in a namespace of the application service`);
}
