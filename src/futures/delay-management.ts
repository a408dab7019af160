import type { Reply, Requester } from '../http/endpoint.ts';
import { coversUser, isRateLimited } from '../matrix/appservices.ts';
import { conflict, invalidParam, missingParam, notFound } from '../matrix/errors.ts';
import { findFuture } from '../storage/futures.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import type { FutureDeps } from './future-deps.ts';
import { cancelFuture, refreshFuture, sendAlternative, type FutureHandle, type Managed } from './manage.ts';
import { countUse, unknownCapability, type LimitDeps } from './request-limits.ts';

const DELAY_ACTIONS = ['send', 'cancel', 'restart'] as const;
export type DelayAction = (typeof DELAY_ACTIONS)[number];

/** The action in a path; undefined when there is no such action. */
export function parseDelayAction(text: string): DelayAction | undefined {
  return DELAY_ACTIONS.find((action) => action === text);
}

/** The action in a body. Throws 400 M_MISSING_PARAM or M_INVALID_PARAM. */
export function readDelayAction(value: JsonValue | undefined): DelayAction {
  if (value === undefined) throw missingParam('Missing parameter: action');
  const action = typeof value === 'string' ? parseDelayAction(value) : undefined;
  if (action === undefined) throw invalidParam(`action must be one of ${DELAY_ACTIONS.join(', ')}`);
  return action;
}

/**
 * Sends, cancels or restarts a delayed event; asked again for what has happened, it agrees. With a requester only the
 * owner's counts, and that of an application service whose user the owner is; without one the id is the permission. Throws 404 M_NOT_FOUND for an unknown id, what the room says
 * against sending (it stays scheduled), 429, and, when it has ended otherwise, `conflicts`: 409 on the final paths, 404
 * on the unstable ones, whose clients take anything else for fatal.
 */
export async function manageDelayedEvent(
  deps: FutureDeps & LimitDeps,
  request: {
    readonly delayId: string;
    readonly action: DelayAction;
    readonly requester: Requester | undefined;
    readonly ip: string;
    readonly conflicts: 404 | 409;
  },
): Promise<Reply> {
  const { delayId, requester, ip } = request;
  const handle: FutureHandle = {
    name: { delayId },
    ownerNid: requester === undefined ? undefined : await findActingOwner(deps, requester, delayId),
  };
  if (requester === undefined) countUse(deps, handle.name);
  else if (isRateLimited(requester.appservice, requester.userId))
    deps.rateLimiter.consume('delayed-event-management', `user ${requester.userId}`);
  const managed = await manage(deps, handle, delayId, request.action);
  if (managed.kind === 'done') return { body: managed.body };
  if (managed.kind === 'unknown' && requester === undefined) throw unknownCapability(deps, ip);
  if (managed.kind === 'ended' && request.conflicts === 409)
    throw conflict(`The delayed event has ended: ${managed.future.status}`);
  throw notFound('There is no such delayed event');
}

/** Who must own the delayed event: the requester, or whichever of its users a service manages it for. */
async function findActingOwner(
  deps: Pick<FutureDeps, 'db'>,
  { userNid, appservice }: Requester,
  delayId: string,
): Promise<number> {
  if (appservice === undefined) return userNid;
  const future = await findFuture(deps.db, { delayId });
  return future !== undefined && coversUser(appservice, future.userId) ? future.userNid : userNid;
}

async function manage(
  deps: FutureDeps,
  handle: FutureHandle,
  delayId: string,
  action: DelayAction,
): Promise<Managed<{ readonly body: JsonObject }>> {
  if (action === 'send') {
    const sent = await sendAlternative(deps, handle, (alternative) => alternative.delayId === delayId);
    return sent.kind === 'done' ? { kind: 'done', body: { event_id: sent.eventId } } : sent;
  }
  if (action === 'restart') {
    const restarted = await refreshFuture(deps, handle);
    if (restarted.kind !== 'done') return restarted;
    return { kind: 'done', body: { 'io.element.send_ts': restarted.sendTs } };
  }
  const cancelled = await cancelFuture(deps, handle);
  return cancelled.kind === 'done' ? { kind: 'done', body: {} } : cancelled;
}
