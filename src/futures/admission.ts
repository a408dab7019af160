import type { Requester } from '../http/endpoint.ts';
import { forbidden, limitExceeded, type MatrixError } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { findRoomVersionRules, type RoomVersionRules } from '../matrix/room-version.ts';
import { redactsOf, type ClientEventInput } from '../rooms/client-intent.ts';
import { judgeSender } from '../rooms/judge-sender.ts';
import { loadEvents } from '../rooms/load-facts.ts';
import { countPendingFutures } from '../storage/futures.ts';
import { findMembership } from '../storage/memberships.ts';
import type { FutureDeps } from './future-deps.ts';

/** A room that a user may schedule events in. */
export interface AdmittedRoom {
  readonly roomNid: number;
  readonly rules: RoomVersionRules;
}

/**
 * Whether a user may schedule events in a room: membership, and whether their account is suspended, is asked for now and
 * again when the future resolves; power levels only then. Throws 403 M_FORBIDDEN for who is not joined,
 * 403 M_USER_SUSPENDED for what a suspended user could not send at once either, and 429 M_LIMIT_EXCEEDED for who has as
 * many futures pending as are allowed, with the time until the next one is due. Requests at the same moment do not see
 * each other here, but when they are stored.
 */
export async function admitToRoom(
  deps: Pick<FutureDeps, 'db' | 'clock' | 'config'>,
  requester: Requester,
  roomId: RoomId,
  events: readonly ClientEventInput[],
): Promise<AdmittedRoom> {
  const { userNid } = requester;
  if (deps.config.maxDelayedEvents === 0) throw forbidden('This server sends no events for later');
  await refuseSuspended(deps, requester, events);
  const membership = await findMembership(deps.db, roomId, userNid);
  const rules = membership === undefined ? undefined : findRoomVersionRules(membership.roomVersion);
  if (membership?.membership !== 'join' || rules === undefined)
    throw forbidden('You are not in the room that the event is for');
  const pending = await countPendingFutures(deps.db, userNid);
  if (pending.count >= deps.config.maxDelayedEvents) throw tooMany(deps, pending);
  return { roomNid: membership.roomNid, rules };
}

/** The refusal where the storing of a future has found that its owner has as many pending as are allowed. */
export async function tooManyFutures(
  deps: Pick<FutureDeps, 'db' | 'clock' | 'config'>,
  userNid: number,
): Promise<MatrixError> {
  return tooMany(deps, await countPendingFutures(deps.db, userNid));
}

function tooMany(
  { clock, config }: Pick<FutureDeps, 'clock' | 'config'>,
  { count, nextDeadlineTs }: { readonly count: number; readonly nextDeadlineTs: number | undefined },
): MatrixError {
  return limitExceeded(
    `You have ${count} events scheduled, and ${config.maxDelayedEvents} are allowed`,
    (nextDeadlineTs ?? 0) - clock.nowMs(),
  );
}

async function refuseSuspended(
  deps: Pick<FutureDeps, 'db'>,
  { userId: sender, accountState }: Requester,
  events: readonly ClientEventInput[],
): Promise<void> {
  if (!accountState.isSuspended) return;
  for (const event of events) {
    const redacted = redactsOf(event);
    const target = redacted && (await loadEvents(deps.db, [redacted])).get(redacted);
    const context = { redactedSender: target?.event.sender, membership: undefined };
    const verdict = judgeSender(accountState, { ...event, sender }, context);
    if (verdict.kind === 'refused') throw verdict.error;
  }
}
