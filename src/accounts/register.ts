import { isReservedUser, type Appservice } from '../matrix/appservices.ts';
import {
  exclusive,
  forbidden,
  guestAccessForbidden,
  invalidParam,
  missingParam,
  userInUse,
  weakPassword,
} from '../matrix/errors.ts';
import { localpartOf, parseUserId, type ServerName, type UserId } from '../matrix/identifiers.ts';
import { findAccount, insertAccount, nextGuestNumber } from '../storage/accounts.ts';
import { inTransaction, type Db, type Tx } from '../storage/database.ts';
import { putProfileField } from '../storage/profiles.ts';
import { isRegistrationTokenGood, useRegistrationToken } from '../storage/registration-tokens.ts';
import { internUsers } from '../storage/users.ts';
import type { JsonObject } from '../util/json.ts';
import { randomLetters } from '../util/random.ts';
import type { RequestOrigin } from '../http/authenticate.ts';
import { authenticateInteractively, type InteractiveAuthDeps } from './interactive-auth.ts';
import type { Stage } from './interactive-auth-stages.ts';
import { startSession, type LoggedIn, type SessionWishes } from './login-session.ts';
import { chooseUserId } from './usernames.ts';

/** Who may register: anybody, whoever has a registration token, or nobody. */
export type RegistrationPolicy = 'open' | 'token' | 'closed';

export interface RegistrationDeps extends InteractiveAuthDeps {
  readonly registration: RegistrationPolicy;
  readonly appservices: readonly Appservice[];
}

/** What somebody asks for who registers. */
export interface RegistrationRequest {
  /** Absent: the server makes one up. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** undefined: an account, but no login. */
  readonly session: SessionWishes | undefined;
  /** The whole body, for user-interactive authentication. */
  readonly body: JsonObject;
}

/** `login` is undefined where none was wanted. */
export interface Registered {
  readonly kind: 'registered';
  readonly userId: UserId;
  readonly login: LoggedIn | undefined;
}

export type RegistrationResult = Registered | { readonly kind: 'challenge'; readonly body: JsonObject };

const MAX_PASSWORD_LENGTH = 512;
const FLOWS: Readonly<Record<'open' | 'token', readonly (readonly Stage[])[]>> = {
  open: [['m.login.dummy']],
  token: [['m.login.registration_token']],
};

/**
 * Registers a user, once the request is authenticated. The name is checked first and, since another may have got it
 * meanwhile, last. Throws 403 M_FORBIDDEN where registration is closed, 400 M_INVALID_USERNAME, M_USER_IN_USE,
 * M_EXCLUSIVE, M_MISSING_PARAM, M_WEAK_PASSWORD. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register
 */
export async function registerUser(
  deps: RegistrationDeps,
  request: RegistrationRequest,
  origin: RequestOrigin,
): Promise<RegistrationResult> {
  if (deps.registration === 'closed') throw forbidden('Registration is closed on this server');
  const userId = await findFreeUserId(deps, request.username);
  const auth = await authenticateInteractively(deps, {
    action: 'register',
    flows: FLOWS[deps.registration],
    user: undefined,
    body: request.body,
    // Clients ask for the flows with an empty body; who may register does not hang on the name.
    binding: 'open',
  });
  if (auth.kind === 'challenge') return auth;
  if (request.password === undefined) throw missingParam('Missing parameter: password');
  return createUser(
    deps,
    { userId, password: request.password, isAdmin: false, ...auth },
    request.session,
    origin,
  );
}

/** Registers a guest: numbered, without a password. Throws 403 unless registration is open. */
export async function registerGuest(
  deps: Omit<RegistrationDeps, 'passwords'>,
  session: Pick<SessionWishes, 'displayName'>,
  origin: RequestOrigin,
): Promise<Registered> {
  if (deps.registration !== 'open') throw guestAccessForbidden('This server takes no guests');
  const userId = parseUserId(`@${await nextGuestNumber(deps.db)}:${deps.serverName}`);
  if (userId === undefined) throw new Error('a number is a localpart');
  const wishes = { deviceId: undefined, displayName: session.displayName, refreshable: false };
  return insertUser(deps, { userId, passwordHash: undefined, isGuest: true, isAdmin: false }, wishes, origin);
}

/** The user id that `username` would get. Throws 400 M_INVALID_USERNAME or M_USER_IN_USE. */
export async function checkUsernameFree(
  deps: { readonly db: Db; readonly serverName: ServerName },
  username: string,
  options?: { readonly anyName: boolean },
): Promise<UserId> {
  const userId = chooseUserId(username, deps.serverName, options);
  if ((await findAccount(deps.db, userId)) !== undefined) throw userInUse(`${userId} is taken`);
  return userId;
}

/** The same for who registers on their own: throws 400 M_EXCLUSIVE for a name that an application service keeps. */
export async function checkUsernameOpen(
  deps: Pick<RegistrationDeps, 'db' | 'serverName' | 'appservices'>,
  username: string,
): Promise<UserId> {
  const userId = await checkUsernameFree(deps, username);
  if (isReservedUser(deps.appservices, userId, undefined))
    throw exclusive(`${userId} is reserved for an application service`);
  return userId;
}

/** Whether a registration token is good now. Throws 403 M_FORBIDDEN where registration is closed. */
export async function checkRegistrationToken(
  deps: Pick<RegistrationDeps, 'db' | 'clock' | 'registration'>,
  token: string,
): Promise<boolean> {
  if (deps.registration === 'closed') throw forbidden('Registration is closed on this server');
  return isRegistrationTokenGood(deps.db, token, deps.clock.nowMs());
}

/** Throws 400 M_WEAK_PASSWORD for an empty password and M_INVALID_PARAM for one that takes too long to hash. */
export function checkNewPassword(password: string): void {
  if (password === '') throw weakPassword('The password is empty');
  if (password.length > MAX_PASSWORD_LENGTH) {
    throw invalidParam(`A password may have at most ${MAX_PASSWORD_LENGTH} characters`);
  }
}

/** Makes an account with a password, and logs it in if that is wished for. Authorise it first. */
export async function createUser(
  deps: Omit<RegistrationDeps, 'registration' | 'appservices'>,
  user: {
    readonly userId: UserId;
    readonly password: string;
    readonly isAdmin: boolean;
    readonly registrationToken?: string | undefined;
  },
  session: SessionWishes | undefined,
  origin: RequestOrigin,
): Promise<Registered> {
  checkNewPassword(user.password);
  const passwordHash = await deps.passwords.hash(user.password);
  return insertUser(deps, { ...user, passwordHash, isGuest: false }, session, origin);
}

async function findFreeUserId(deps: RegistrationDeps, username: string | undefined): Promise<UserId> {
  return checkUsernameOpen(deps, username ?? randomLetters(deps.random, 12).toLowerCase());
}

/** Makes an account, and logs it in if that is wished for. Authorise it first. Throws 400 M_USER_IN_USE. */
export async function insertUser(
  deps: Pick<RegistrationDeps, 'db' | 'clock' | 'random'>,
  user: {
    readonly userId: UserId;
    readonly passwordHash: string | undefined;
    readonly isGuest: boolean;
    readonly isAdmin: boolean;
    readonly registrationToken?: string | undefined;
  },
  session: SessionWishes | undefined,
  origin: RequestOrigin,
): Promise<Registered> {
  const userNid = (await internUsers(deps.db, [user.userId])).get(user.userId);
  if (userNid === undefined) throw new Error(`${user.userId} was not interned`);
  const nowTs = deps.clock.nowMs();
  // No position is taken: nobody shares a room with the new user whose device list would change.
  const login = await inTransaction(deps.db, async (tx) => {
    if (!(await insertAccount(tx, { ...user, userNid, createdTs: nowTs })))
      throw userInUse(`${user.userId} is taken`);
    await spendRegistrationToken(tx, user.registrationToken, nowTs);
    // People are called by their name until they choose another; guests by their number are nobody.
    if (!user.isGuest) await putProfileField(tx, userNid, 'displayname', localpartOf(user.userId));
    if (session === undefined) return undefined;
    return startSession(tx, deps.random, { userNid, userId: user.userId }, session, { nowTs, ...origin });
  });
  return { kind: 'registered', userId: user.userId, login };
}

async function spendRegistrationToken(tx: Tx, token: string | undefined, nowTs: number): Promise<void> {
  if (token === undefined || (await useRegistrationToken(tx, token, nowTs))) return;
  throw forbidden('The registration token has been used up');
}
