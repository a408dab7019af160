import { userDeactivated, type MatrixError } from '../matrix/errors.ts';
import { stateSlot } from '../matrix/event.ts';
import type { EventId } from '../matrix/identifiers.ts';
import { clientIntent } from '../rooms/client-intent.ts';
import type { ResolvedFuture } from '../rooms/intent.ts';
import { findThreadFault } from '../rooms/thread-rule.ts';
import type { FutureAlternative, StoredFuture } from '../storage/futures.ts';
import { readContent } from './describe-seed.ts';
import type { FutureDeps } from './future-deps.ts';

/** How the attempt to send an alternative ended. `gone`: somebody else was first; the row says who. */
export type Resolution =
  | { readonly kind: 'sent'; readonly eventId: EventId }
  | { readonly kind: 'refused'; readonly error: MatrixError }
  | { readonly kind: 'gone' };

export type ResolveDeps = Pick<FutureDeps, 'db' | 'clock' | 'random' | 'identity' | 'pipeline'>;

/** What is read before an alternative is sent. */
export interface Outlook {
  readonly watched: ResolvedFuture['watched'];
  /** What the rules of relations have against it. */
  readonly fault: MatrixError | undefined;
}

/**
 * Sends one alternative of a pending future, as the room is now and with the time of now. The future ends in the very
 * commit that the event is in. Rejects only when the database is lost.
 */
export async function resolveFuture(
  deps: ResolveDeps,
  future: StoredFuture,
  alternative: FutureAlternative,
): Promise<Resolution> {
  const outlook = await readOutlook(deps, future, alternative);
  return submitResolution(deps, future, alternative, outlook, { expectedDeadlineTs: undefined });
}

/**
 * The same, at once: resolutions of one room are decided in the order of these calls. `expectedDeadlineTs` is the
 * deadline of a timer that fires.
 */
export async function submitResolution(
  deps: ResolveDeps,
  future: StoredFuture,
  alternative: FutureAlternative,
  { watched, fault }: Outlook,
  how: Pick<ResolvedFuture, 'expectedDeadlineTs' | 'isWithdrawn'>,
): Promise<Resolution> {
  if (future.isOwnerGone)
    return { kind: 'refused', error: userDeactivated('The account that it belongs to has ended') };
  if (fault !== undefined) return { kind: 'refused', error: fault };
  const { delayId, reservedEventId } = alternative;
  const event = { ...alternative, content: readContent(alternative.content) };
  const intentDeps = { clock: deps.clock, random: deps.random, serverName: deps.identity.serverName };
  const intent = clientIntent(intentDeps, future.userId, event, {
    delayId,
    senderState: future.ownerState,
  });
  const outcome = await deps.pipeline.submit({
    roomId: future.roomId,
    intents: [reservedEventId === undefined ? intent : { ...intent, chosenEventId: reservedEventId }],
    resolves: {
      futureNid: future.futureNid,
      delayId,
      contested: contestedBy(future, alternative),
      watched,
      ...how,
    },
  });
  if (outcome.kind === 'future-gone') return { kind: 'gone' };
  if (outcome.kind === 'refused') return outcome;
  const sent = outcome.kind === 'committed' ? outcome.events[0] : undefined;
  if (sent === undefined) throw new Error(`a future ended as ${outcome.kind}`);
  return { kind: 'sent', eventId: sent.event.eventId };
}

function contestedBy(
  future: StoredFuture,
  { type, stateKey }: FutureAlternative,
): ResolvedFuture['contested'] {
  if (!future.isContested || stateKey === undefined) return undefined;
  return { slot: stateSlot(type, stateKey), ownerId: future.userId };
}

/** Reads what the sending of an alternative depends on: the same rules as for an event that is sent at once. */
export async function readOutlook(
  deps: Pick<FutureDeps, 'db' | 'pipeline'>,
  future: StoredFuture,
  alternative: FutureAlternative,
): Promise<Outlook> {
  const watched = await findWatched(deps, future);
  if (alternative.stateKey !== undefined) return { watched, fault: undefined };
  const content = readContent(alternative.content);
  return { watched, fault: await findThreadFault(deps, future.roomId, content) };
}

/** The slot and the event that a future lives with, if it does. */
async function findWatched(
  deps: Pick<FutureDeps, 'pipeline'>,
  { watched }: StoredFuture,
): Promise<ResolvedFuture['watched']> {
  if (watched === undefined) return undefined;
  const slot = (await deps.pipeline.stateKeys.resolve([watched.stateKeyNid])).get(watched.stateKeyNid);
  if (slot === undefined) throw new Error(`state key ${watched.stateKeyNid} is not known`);
  return { slot, eventId: watched.eventId };
}
