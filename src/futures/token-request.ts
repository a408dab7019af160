import { invalidParam, missingParam } from '../matrix/errors.ts';
import type { Identity } from '../rooms/decision.ts';
import type { JsonObject } from '../util/json.ts';
import { futureGone } from './ending.ts';
import type { FutureHandle, Managed } from './manage.ts';
import { countUse, unknownCapability, type LimitDeps } from './request-limits.ts';
import { readFutureToken } from './token.ts';

export type TokenDeps = LimitDeps & { readonly identity: Identity };

/**
 * The future that a body's `future_token` names. Throws 400 M_MISSING_PARAM or M_INVALID_PARAM, 404 M_NOT_FOUND for a
 * token that this server has not made, and 429 M_LIMIT_EXCEEDED.
 */
export function readTokenHandle(deps: TokenDeps, body: JsonObject, ip: string): FutureHandle {
  const given = [body['future_token'], body['io.element.future_token']].filter(
    (value) => value !== undefined,
  );
  const [token] = given;
  if (token === undefined) throw missingParam('Missing parameter: future_token');
  if (typeof token !== 'string' || given.some((other) => other !== token))
    throw invalidParam('future_token must be one text');
  const tokenId = readFutureToken(deps.identity.key, token);
  if (tokenId === undefined) throw unknownCapability(deps, ip);
  countUse(deps, { tokenId });
  return { name: { tokenId }, ownerNid: undefined };
}

/** What was done, or why it could not be: 404 M_NOT_FOUND, or 410 with how the future has ended. */
export function getDone<Done>(deps: LimitDeps, ip: string, managed: Managed<Done>): Done {
  if (managed.kind === 'unknown') throw unknownCapability(deps, ip);
  if (managed.kind === 'ended') throw futureGone(managed.future);
  return managed;
}
