import { createHash } from 'node:crypto';
import { z } from 'zod';
import { badJson, forbidden, type MatrixError } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { findUiaSession, saveUiaSession, takeUiaSession, type UiaSession } from '../storage/uia-sessions.ts';
import type { Clock } from '../util/clock.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { randomToken, type Random } from '../util/random.ts';
import { checkStage, unknownStage, type Stage, type StageDeps } from './interactive-auth-stages.ts';

/*
 * User-interactive authentication. https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api
 *
 *            request without auth            last stage of a flow passes
 *   (none) ──────────────────────► waiting ─────────────────────────────► taken: the request goes through, once
 *                                   │   ▲
 *                                   └───┘ stage passes, or fails (which the answer says)
 *
 * A waiting session that is not completed in time is forgotten. One that is passed in its first request, which then
 * carries no session id, is never stored.
 */

const SESSION_LIFETIME_MS = 30 * 60 * 1000;
const SESSION_ID_BYTES = 18;

/** A request that needs more than an access token. */
export interface GuardedRequest {
  /** The endpoint with its path parameters: a session is good for one action only. */
  readonly action: string;
  readonly flows: readonly (readonly Stage[])[];
  /** Whom to authenticate; undefined where nobody is known yet (registration). */
  readonly user: { readonly userNid: number; readonly userId: UserId } | undefined;
  /** The whole request body, with its `auth`. */
  readonly body: JsonObject;
  /** `fixed`: the body may not change while the session lasts. `open`: only the action counts. */
  readonly binding: 'fixed' | 'open';
}

/** Passed: go ahead, once. Challenge: answer 401 with this body. */
export type InteractiveAuthResult =
  | { readonly kind: 'passed'; readonly registrationToken: string | undefined }
  | { readonly kind: 'challenge'; readonly body: JsonObject };

export interface InteractiveAuthDeps extends StageDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
}

const authShape = z.looseObject({
  type: z.string().optional(),
  session: z
    .string()
    .regex(/^[^\0]*$/)
    .optional(),
});
type Auth = z.infer<typeof authShape>;

/**
 * Takes the request's `auth` one step further. Credentials in the very first request are taken as well.
 * Throws 403 M_FORBIDDEN when the session belongs to another request or another user authenticates, and 400 for a
 * malformed `auth`.
 */
export async function authenticateInteractively(
  deps: InteractiveAuthDeps,
  request: GuardedRequest,
): Promise<InteractiveAuthResult> {
  const auth = parseAuth(request.body['auth']);
  const known = auth?.session === undefined ? undefined : await findOwnSession(deps, request, auth.session);
  const session = known ?? beginSession(deps, request);
  if (auth === undefined) return challenge(deps, request, session);
  if (auth.session !== undefined && known === undefined) {
    return challenge(
      deps,
      request,
      session,
      forbidden('The session is not known, or was not completed in time'),
    );
  }
  const advanced = await takeStep(deps, request, session, auth);
  if ('refusal' in advanced) return challenge(deps, request, session, advanced.refusal);
  if (!isComplete(request, advanced)) return challenge(deps, request, advanced);
  // Of two requests that complete the same session only one goes through.
  if (known !== undefined && !(await takeUiaSession(deps.db, known.sessionId))) {
    return challenge(deps, request, beginSession(deps, request), forbidden('The session has been used'));
  }
  return { kind: 'passed', registrationToken: advanced.registrationToken };
}

function parseAuth(value: unknown): Auth | undefined {
  if (value === undefined || value === null) return undefined;
  const parsed = authShape.safeParse(value);
  if (!parsed.success) throw badJson('auth: expected an object in which type and session are strings');
  return parsed.data;
}

function beginSession(deps: InteractiveAuthDeps, request: GuardedRequest): UiaSession {
  return {
    sessionId: randomToken(deps.random, SESSION_ID_BYTES),
    action: request.action,
    userNid: request.user?.userNid,
    requestHash: request.binding === 'fixed' ? hashRequest(request.body) : undefined,
    completed: [],
    registrationToken: undefined,
  };
}

async function findOwnSession(
  deps: InteractiveAuthDeps,
  request: GuardedRequest,
  sessionId: string,
): Promise<UiaSession | undefined> {
  const session = await findUiaSession(deps.db, sessionId, deps.clock.nowMs());
  if (session === undefined) return undefined;
  const fits =
    session.action === request.action &&
    session.userNid === request.user?.userNid &&
    (session.requestHash === undefined || session.requestHash.equals(hashRequest(request.body)));
  if (!fits) throw forbidden('The session was begun for another request');
  return session;
}

/** The session after the stage that `auth` is about, or why it was not passed. */
async function takeStep(
  deps: InteractiveAuthDeps,
  request: GuardedRequest,
  session: UiaSession,
  auth: Auth,
): Promise<UiaSession | { readonly refusal: MatrixError }> {
  // Without a type the client asks how things stand; what is passed is not done again.
  if (auth.type === undefined || session.completed.includes(auth.type)) return session;
  const stage = nextStages(request, session).find((next) => next === auth.type);
  if (stage === undefined) return { refusal: unknownStage(auth.type) };
  const result = await checkStage(deps, stage, auth, request.user);
  if ('refusal' in result) return result;
  return {
    ...session,
    completed: [...session.completed, stage],
    registrationToken: result.registrationToken ?? session.registrationToken,
  };
}

function nextStages(request: GuardedRequest, session: UiaSession): readonly Stage[] {
  return openFlows(request, session).flatMap((flow) => flow[session.completed.length] ?? []);
}

function isComplete(request: GuardedRequest, session: UiaSession): boolean {
  return openFlows(request, session).some((flow) => flow.length === session.completed.length);
}

/** The flows that begin with what was passed. */
function openFlows(request: GuardedRequest, session: UiaSession): readonly (readonly Stage[])[] {
  return request.flows.filter((flow) => session.completed.every((stage, index) => flow[index] === stage));
}

async function challenge(
  deps: InteractiveAuthDeps,
  request: GuardedRequest,
  session: UiaSession,
  refusal?: MatrixError,
): Promise<InteractiveAuthResult> {
  await saveUiaSession(deps.db, session, deps.clock.nowMs() + SESSION_LIFETIME_MS);
  const body: JsonObject = {
    ...refusal?.toBody(),
    session: session.sessionId,
    flows: request.flows.map((stages) => ({ stages })),
    params: {},
    ...(session.completed.length > 0 || refusal !== undefined ? { completed: session.completed } : {}),
  };
  return { kind: 'challenge', body };
}

/** The same for the same request however its keys are ordered. */
function hashRequest(body: JsonObject): Buffer {
  const { auth: _auth, ...request } = body;
  const text = JSON.stringify(request, (_key, value: unknown) =>
    isJsonObject(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(text).digest();
}
