import { unavailable } from '../matrix/errors.ts';
import { FUTURE_LIFE } from '../matrix/futures.ts';
import type { EventId } from '../matrix/identifiers.ts';
import { finaliseFuture, finaliseIfMoot, restartFuture } from '../storage/future-updates.ts';
import {
  findFuture,
  type FutureAlternative,
  type FutureName,
  type StoredFuture,
} from '../storage/futures.ts';
import type { FutureDeps } from './future-deps.ts';
import { resolveFuture } from './resolve.ts';

/** A future by its capability; with `ownerNid` it counts for nothing in anybody else's hands. */
export interface FutureHandle {
  readonly name: FutureName;
  readonly ownerNid: number | undefined;
}

/** What became of a request about a future. `ended`: it had ended before, otherwise than was asked for. */
export type Managed<Done> =
  | ({ readonly kind: 'done' } & Done)
  | { readonly kind: 'unknown' }
  | { readonly kind: 'ended'; readonly future: StoredFuture };

const MOST_ATTEMPTS = 8;

/** Starts the timer again. `sendTs`: when it will fire now, in milliseconds since the epoch. */
export async function refreshFuture(
  deps: FutureDeps,
  handle: FutureHandle,
): Promise<Managed<{ readonly sendTs: number }>> {
  return untilSettled(async () => {
    const sendTs = await restartFuture(deps.db, handle.name, handle.ownerNid, deps.clock.nowMs());
    if (sendTs !== undefined) {
      deps.futureScheduler.expect(sendTs);
      return { kind: 'done', sendTs };
    }
    const future = await find(deps, handle);
    if (future === undefined) return { kind: 'unknown' };
    return FUTURE_LIFE[future.status].refresh.answer === 'done' ? undefined : { kind: 'ended', future };
  });
}

/**
 * Sends one alternative now. Asked for the one that was sent already, it answers the same event again. Throws the
 * room's refusal: the future is pending then as before.
 */
export async function sendAlternative(
  deps: FutureDeps,
  handle: FutureHandle,
  isWanted: (alternative: FutureAlternative) => boolean,
): Promise<Managed<{ readonly eventId: EventId }>> {
  return untilSettled(async () => {
    const future = await find(deps, handle);
    if (future === undefined) return { kind: 'unknown' };
    const wanted = future.alternatives.find(isWanted);
    const { answer } = FUTURE_LIFE[future.status].send;
    if (
      answer === 'repeat-if-same' &&
      wanted?.delayId === future.sentDelayId &&
      future.sentEventId !== undefined
    )
      return { kind: 'done', eventId: future.sentEventId };
    if (answer !== 'done') return { kind: 'ended', future };
    if (wanted === undefined) return { kind: 'unknown' };
    const resolution = await resolveFuture(deps, future, wanted);
    if (resolution.kind === 'refused') throw resolution.error;
    if (resolution.kind === 'sent') return { kind: 'done', eventId: resolution.eventId };
    await finaliseIfMoot(deps.db, future.futureNid, deps.clock.nowMs());
    return undefined;
  });
}

/** Ends the future without an event. */
export async function cancelFuture(deps: FutureDeps, handle: FutureHandle): Promise<Managed<object>> {
  return untilSettled(async () => {
    const future = await find(deps, handle);
    if (future === undefined) return { kind: 'unknown' };
    const { answer } = FUTURE_LIFE[future.status].cancel;
    if (answer === 'repeat') return { kind: 'done' };
    if (answer !== 'done') return { kind: 'ended', future };
    const end = { status: 'cancelled', error: undefined, expectedDeadlineTs: undefined } as const;
    const isEnded = await finaliseFuture(deps.db, future.futureNid, end, deps.clock.nowMs());
    return isEnded ? { kind: 'done' } : undefined;
  });
}

async function find(deps: Pick<FutureDeps, 'db'>, handle: FutureHandle): Promise<StoredFuture | undefined> {
  const future = await findFuture(deps.db, handle.name);
  return handle.ownerNid === undefined || future?.userNid === handle.ownerNid ? future : undefined;
}

/** Tries again as long as somebody else was quicker and the future may still be pending. */
async function untilSettled<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let count = 0; count < MOST_ATTEMPTS; count += 1) {
    const settled = await attempt();
    if (settled !== undefined) return settled;
  }
  throw unavailable('The future is being resolved', 1000);
}
