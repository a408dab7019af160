import {
  conflictingUnsubscription,
  MatrixError,
  notFound,
  notInThread,
  unrecognized,
} from '../matrix/errors.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { readableEvent, type RenderDeps, type Viewer } from '../rooms/client-events.ts';
import { getVisibleEvent } from '../rooms/read-context.ts';
import { allotPositions, inTransaction } from '../storage/database.ts';
import {
  findThreadSubscription,
  putThreadSubscription,
  type ThreadSubscription,
} from '../storage/thread-subscriptions.ts';
import { findThreads } from './threads.ts';

export interface ThreadSubscriptionDeps extends RenderDeps {
  /** Whether there are subscriptions to threads here at all. */
  readonly threadSubscriptions: boolean;
}

/** A thread by its root. */
export interface ThreadName {
  readonly roomId: RoomId;
  readonly rootId: EventId;
}

/**
 * The subscription of a user to a thread. Throws 404 M_NOT_FOUND where there is none, or none that the user may see.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4306
 */
export async function getThreadSubscription(
  deps: ThreadSubscriptionDeps,
  viewer: Viewer,
  thread: ThreadName,
): Promise<ThreadSubscription> {
  const rootNid = await findRoot(deps, viewer, thread);
  const subscription = await findThreadSubscription(deps.db, viewer.userNid, rootNid);
  if (subscription?.isSubscribed !== true) throw notFound('You have not subscribed to this thread.');
  return subscription;
}

/**
 * Subscribes a user to a thread. With `causeId` a client does so by itself because of that event, which makes a
 * subscription of the user's own no less theirs. Throws 404 M_NOT_FOUND for threads that the user may not see, and of such
 * events 400 M_NOT_IN_THREAD for one that is not in the thread, 409 M_CONFLICTING_UNSUBSCRIPTION for one that was there
 * when the user unsubscribed.
 */
export async function subscribeToThread(
  deps: ThreadSubscriptionDeps,
  viewer: Viewer,
  thread: ThreadName,
  causeId: EventId | undefined,
): Promise<void> {
  const rootNid = await findRoot(deps, viewer, thread);
  const causePosition = causeId === undefined ? undefined : await placeCause(deps, viewer, thread, causeId);
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    const before = await findThreadSubscription(tx, viewer.userNid, rootNid);
    const isAutomatic = causePosition !== undefined;
    if (before?.isSubscribed === true && (isAutomatic || !before.isAutomatic)) return;
    if (before?.isSubscribed === false && isAutomatic && causePosition <= before.position)
      throw conflictingUnsubscription('You have unsubscribed from the thread since that event.');
    await putThreadSubscription(tx, viewer.userNid, rootNid, { isSubscribed: true, isAutomatic, position });
  });
}

/** Ends a subscription, if there is one. Throws 404 M_NOT_FOUND for threads that the user may not see. */
export async function unsubscribeFromThread(
  deps: ThreadSubscriptionDeps,
  viewer: Viewer,
  thread: ThreadName,
): Promise<void> {
  const rootNid = await findRoot(deps, viewer, thread);
  await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    const before = await findThreadSubscription(tx, viewer.userNid, rootNid);
    if (before?.isSubscribed !== true) return;
    await putThreadSubscription(tx, viewer.userNid, rootNid, {
      isSubscribed: false,
      isAutomatic: false,
      position,
    });
  });
}

async function findRoot(
  deps: ThreadSubscriptionDeps,
  viewer: Viewer,
  { roomId, rootId }: ThreadName,
): Promise<number> {
  if (!deps.threadSubscriptions) throw unrecognized('This server has no subscriptions to threads.');
  return (await getVisibleEvent(deps, viewer, roomId, rootId)).eventNid;
}

/** Where in the stream the cause is. */
async function placeCause(
  deps: ThreadSubscriptionDeps,
  viewer: Viewer,
  { roomId, rootId }: ThreadName,
  causeId: EventId,
): Promise<number> {
  const cause = await getVisibleEvent(deps, viewer, roomId, causeId).catch((error: unknown) => {
    if (error instanceof MatrixError) return undefined;
    throw error;
  });
  const event = cause && readableEvent(cause).event;
  const threads = await findThreads(deps.db, event === undefined ? [] : [event]);
  if (cause?.position === undefined || threads.get(causeId) !== rootId)
    throw notInThread(`The event ${causeId} is not in the thread.`);
  return cause.position;
}
