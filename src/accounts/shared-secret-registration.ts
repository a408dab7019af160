import { createHmac, timingSafeEqual } from 'node:crypto';
import { forbidden, invalidUsername, unknownError, unrecognized } from '../matrix/errors.ts';
import { insertRegistrationNonce, takeRegistrationNonce } from '../storage/registration-nonces.ts';
import { randomToken } from '../util/random.ts';
import type { RequestOrigin } from '../http/authenticate.ts';
import type { SessionWishes } from './login-session.ts';
import { checkUsernameFree, createUser, type Registered, type RegistrationDeps } from './register.ts';

export interface SharedSecretDeps extends Omit<RegistrationDeps, 'registration' | 'appservices'> {
  /** undefined: the endpoint does not exist. */
  readonly registrationSharedSecret: string | undefined;
}

/** A registration that somebody signed who knows the server's secret. */
export interface SharedSecretRequest {
  readonly nonce: string;
  readonly username: string;
  readonly password: string;
  readonly isAdmin: boolean;
  /** Kept out of the account, but part of what is signed. */
  readonly userType: string | undefined;
  /** HMAC-SHA1 in hex. */
  readonly mac: string;
  readonly session: SessionWishes | undefined;
}

const NONCE_LIFETIME_MS = 60_000;
const NONCE_BYTES = 24;

/** A nonce for one registration within a minute. Throws 404 M_UNRECOGNIZED when no secret is configured. */
export async function issueRegistrationNonce(deps: SharedSecretDeps): Promise<string> {
  requireSecret(deps);
  const nonce = randomToken(deps.random, NONCE_BYTES);
  await insertRegistrationNonce(deps.db, nonce, deps.clock.nowMs() + NONCE_LIFETIME_MS);
  return nonce;
}

/**
 * Registers a user, an administrator if so asked, wherever registration is closed or not, the way Synapse's
 * `/_synapse/admin/v1/register` does it. Throws 404 M_UNRECOGNIZED when no secret is configured, 400 M_UNKNOWN for
 * a nonce that is not known, 403 M_FORBIDDEN for a wrong signature, and what refuses a username.
 */
export async function registerBySharedSecret(
  deps: SharedSecretDeps,
  request: SharedSecretRequest,
  origin: RequestOrigin,
): Promise<Registered> {
  const secret = requireSecret(deps);
  if (!(await takeRegistrationNonce(deps.db, request.nonce, deps.clock.nowMs()))) {
    throw unknownError('The nonce is not known');
  }
  if (`${request.username}${request.password}`.includes('\0')) throw invalidUsername('NUL is not allowed');
  if (!isSignedBy(secret, request)) throw forbidden('The HMAC is wrong');
  const userId = await checkUsernameFree(deps, request.username, { anyName: true });
  const { password, isAdmin } = request;
  return createUser(deps, { userId, password, isAdmin }, request.session, origin);
}

function requireSecret(deps: SharedSecretDeps): string {
  if (deps.registrationSharedSecret === undefined) throw unrecognized('Registration by shared secret is off');
  return deps.registrationSharedSecret;
}

/** The username is signed as it was sent, before capitals become small letters. */
function isSignedBy(secret: string, request: SharedSecretRequest): boolean {
  const parts = [request.nonce, request.username, request.password, request.isAdmin ? 'admin' : 'notadmin'];
  if (request.userType !== undefined) parts.push(request.userType);
  const expected = createHmac('sha1', secret).update(parts.join('\0')).digest();
  const given = Buffer.from(request.mac, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
