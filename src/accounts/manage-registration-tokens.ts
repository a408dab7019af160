import { invalidParam, notFound, type MatrixError } from '../matrix/errors.ts';
import type { Db } from '../storage/database.ts';
import {
  deleteRegistrationToken,
  findRegistrationToken,
  insertRegistrationToken,
  listRegistrationTokens,
  updateRegistrationToken,
  type KnownRegistrationToken,
} from '../storage/registration-tokens.ts';
import type { Clock } from '../util/clock.ts';
import { randomLetters, type Random } from '../util/random.ts';

export interface RegistrationTokenDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a token is good for. null: without that bound; undefined: as before, of a new token without. */
export interface TokenBounds {
  readonly usesAllowed: number | null | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresTs: number | null | undefined;
}

const MOST_USES = 2 ** 31 - 1;
const MAX_LENGTH = 64;
const DEFAULT_LENGTH = 16;

/** The tokens in order of their names; with `isValid` only those that are, or are not, good now. */
export async function listTokens(
  deps: Pick<RegistrationTokenDeps, 'db' | 'clock'>,
  isValid: boolean | undefined,
): Promise<readonly KnownRegistrationToken[]> {
  return listRegistrationTokens(deps.db, deps.clock.nowMs(), isValid);
}

/** One token. Throws 404 M_NOT_FOUND. */
export async function getToken(
  deps: Pick<RegistrationTokenDeps, 'db' | 'clock'>,
  token: string,
): Promise<KnownRegistrationToken> {
  const known = await findRegistrationToken(deps.db, token, deps.clock.nowMs());
  if (known === undefined) throw noSuchToken(token);
  return known;
}

/**
 * Makes a token: the one that is asked for, or a random one of `length` letters (16 unless told). Throws 400
 * M_INVALID_PARAM for one that exists or has characters outside A–Z, a–z, 0–9 and `._~-`, and for bounds that make no
 * sense.
 */
export async function makeToken(
  deps: RegistrationTokenDeps,
  wishes: TokenBounds & { readonly token: string | undefined; readonly length: number | undefined },
): Promise<KnownRegistrationToken> {
  const length = wishes.length ?? DEFAULT_LENGTH;
  if (!Number.isInteger(length) || length < 1 || length > MAX_LENGTH)
    throw invalidParam(`length must be a whole number from 1 to ${MAX_LENGTH}`);
  const token = wishes.token ?? randomLetters(deps.random, length);
  if (!/^[A-Za-z0-9._~-]{1,64}$/.test(token))
    throw invalidParam('A token has 1 to 64 characters, each of A–Z, a–z, 0–9, ".", "_", "~" or "-"');
  refuseBadBounds(deps, wishes);
  const made = await insertRegistrationToken(deps.db, {
    token,
    usesAllowed: wishes.usesAllowed ?? undefined,
    expiresTs: wishes.expiresTs ?? undefined,
  });
  if (!made) throw invalidParam(`There is a token ${token} already`);
  return getToken(deps, token);
}

/** Changes what a token is good for. Throws 404 M_NOT_FOUND, and 400 M_INVALID_PARAM for bounds that make no sense. */
export async function changeToken(
  deps: Pick<RegistrationTokenDeps, 'db' | 'clock'>,
  token: string,
  bounds: TokenBounds,
): Promise<KnownRegistrationToken> {
  refuseBadBounds(deps, bounds);
  if (!(await updateRegistrationToken(deps.db, token, bounds))) throw noSuchToken(token);
  return getToken(deps, token);
}

/** Takes a token away, also from whom is about to register with it. Throws 404 M_NOT_FOUND. */
export async function removeToken(deps: { readonly db: Db }, token: string): Promise<void> {
  if (!(await deleteRegistrationToken(deps.db, token))) throw noSuchToken(token);
}

function refuseBadBounds(deps: { readonly clock: Clock }, bounds: TokenBounds): void {
  const { usesAllowed, expiresTs } = bounds;
  if (isNumber(usesAllowed) && !isWhole(usesAllowed, MOST_USES))
    throw invalidParam('uses_allowed must be a whole number, at least 0, or null');
  if (!isNumber(expiresTs)) return;
  if (!isWhole(expiresTs, Number.MAX_SAFE_INTEGER))
    throw invalidParam('expiry_time must be a time in whole milliseconds, or null');
  if (expiresTs < deps.clock.nowMs()) throw invalidParam('expiry_time must not be in the past');
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number';
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

function noSuchToken(token: string): MatrixError {
  return notFound(`There is no registration token ${JSON.stringify(token)}`);
}
