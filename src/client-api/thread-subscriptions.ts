import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { parseEventId } from '../matrix/identifiers.ts';
import {
  getThreadSubscription,
  subscribeToThread,
  unsubscribeFromThread,
  type ThreadSubscriptionDeps,
} from '../push/thread-subscriptions.ts';
import { identifier } from './room-fields.ts';

const PATH = '/_matrix/client/unstable/io.element.msc4306/rooms/{roomId}/thread/{eventId}/subscription';

const getSubscription = endpoint({
  name: 'getThreadSubscription',
  method: 'GET',
  path: PATH,
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: ThreadSubscriptionDeps, { params: { roomId, eventId }, requester }) => {
    const { isAutomatic } = await getThreadSubscription(deps, requester, { roomId, rootId: eventId });
    return { body: { automatic: isAutomatic } };
  },
});

const subscribe = endpoint({
  name: 'subscribeToThread',
  method: 'PUT',
  path: PATH,
  auth: 'user',
  rateLimit: 'write',
  body: z.object({ automatic: identifier(parseEventId, 'event id').optional() }),
  bodyOptional: true,
  handle: async (deps: ThreadSubscriptionDeps, { params: { roomId, eventId }, body, requester }) => {
    await subscribeToThread(deps, requester, { roomId, rootId: eventId }, body.automatic);
    return { body: {} };
  },
});

const unsubscribe = endpoint({
  name: 'unsubscribeFromThread',
  method: 'DELETE',
  path: PATH,
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: ThreadSubscriptionDeps, { params: { roomId, eventId }, requester }) => {
    await unsubscribeFromThread(deps, requester, { roomId, rootId: eventId });
    return { body: {} };
  },
});

/** https://github.com/matrix-org/matrix-spec-proposals/pull/4306 */
export const threadSubscriptionsEndpoints: readonly Endpoint<ThreadSubscriptionDeps>[] = [
  getSubscription,
  subscribe,
  unsubscribe,
];
