import { z } from 'zod';
import { forbidden, missingParam, unrecognized, type MatrixError } from '../matrix/errors.ts';
import type { ServerName, UserId } from '../matrix/identifiers.ts';
import { findAccountByNid } from '../storage/accounts.ts';
import type { Db } from '../storage/database.ts';
import { isRegistrationTokenGood } from '../storage/registration-tokens.ts';
import type { Clock } from '../util/clock.ts';
import type { Passwords } from './passwords.ts';
import { findNamedUser } from './usernames.ts';

/** The authentication types that this server offers. */
export type Stage = 'm.login.dummy' | 'm.login.password' | 'm.login.registration_token';

export interface StageDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly passwords: Passwords;
  readonly serverName: ServerName;
}

interface Claimant {
  readonly userNid: number;
  readonly userId: UserId;
}

/** Passed, with the registration token to use up where one was shown; or why not. */
export type StageResult = { readonly registrationToken?: string } | { readonly refusal: MatrixError };

/** The client names a stage that no flow offers at this point. */
export function unknownStage(type: string): MatrixError {
  return unrecognized(`${type} is not the next stage of any flow`);
}

/**
 * Judges one stage by what the client sent for it. Throws 403 M_FORBIDDEN when somebody else than `user`
 * authenticates, and 400 M_MISSING_PARAM for an incomplete attempt.
 * https://spec.matrix.org/v1.19/client-server-api/#authentication-types
 */
export async function checkStage(
  deps: StageDeps,
  stage: Stage,
  auth: Readonly<Record<string, unknown>>,
  user: Claimant | undefined,
): Promise<StageResult> {
  return STAGES[stage](deps, auth, user);
}

type CheckStage = (
  deps: StageDeps,
  auth: Readonly<Record<string, unknown>>,
  user: Claimant | undefined,
) => Promise<StageResult>;

const STAGES: Readonly<Record<Stage, CheckStage>> = {
  'm.login.dummy': async () => ({}),
  'm.login.password': checkPassword,
  'm.login.registration_token': checkRegistrationToken,
};

const passwordShape = z.object({
  password: z.string(),
  identifier: z.object({ type: z.literal('m.id.user'), user: z.string() }).optional(),
  user: z.string().optional(),
});

async function checkPassword(
  deps: StageDeps,
  auth: Readonly<Record<string, unknown>>,
  user: Claimant | undefined,
): Promise<StageResult> {
  const parsed = passwordShape.safeParse(auth);
  if (!parsed.success)
    throw missingParam('m.login.password needs a password and an identifier of type m.id.user');
  // Older clients leave out who they are: the access token says it.
  const named = parsed.data.identifier?.user ?? parsed.data.user;
  if (named !== undefined && findNamedUser(named, deps.serverName) !== user?.userId) {
    throw forbidden('Only the owner of the access token can authenticate this request');
  }
  const account = user === undefined ? undefined : await findAccountByNid(deps.db, user.userNid);
  const isRight = await deps.passwords.verify(parsed.data.password, account?.passwordHash);
  return isRight ? {} : { refusal: forbidden('The password is wrong') };
}

async function checkRegistrationToken(
  deps: StageDeps,
  auth: Readonly<Record<string, unknown>>,
): Promise<StageResult> {
  const token = auth['token'];
  if (typeof token !== 'string') throw missingParam('m.login.registration_token needs a token');
  if (token.includes('\0')) return { refusal: forbidden('The registration token is not valid') };
  const isGood = await isRegistrationTokenGood(deps.db, token, deps.clock.nowMs());
  return isGood
    ? { registrationToken: token }
    : { refusal: forbidden('The registration token is not valid') };
}
