import { z } from 'zod';
import { manageDelayedEvent, parseDelayAction, readDelayAction } from '../futures/delay-management.ts';
import type { FutureDeps } from '../futures/future-deps.ts';
import { getDelayedEvent, listDelayedEvents } from '../futures/list-delayed.ts';
import type { LimitDeps } from '../futures/request-limits.ts';
import { putDelayedEvent } from '../futures/schedule.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject, lateBody } from '../http/parse-input.ts';
import { unrecognized } from '../matrix/errors.ts';
import { parseRoomId } from '../matrix/identifiers.ts';
import { stickyDurationIn, stickyQuery } from './room-fields.ts';

// What the plain send and state endpoints do with a delay in their query.
export { DELAY_PARAMETER, findDelayParameter, PARENT_DELAY_PARAMETER } from '../futures/delay-request.ts';
export { scheduleDelayedEvent } from '../futures/schedule.ts';

export type DelayedEventsDeps = FutureDeps & LimitDeps;

const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';

const putRows = [
  {
    name: 'putDelayedEvent',
    path: '/_matrix/client/v3/rooms/{roomId}/delayed_event/{eventType}/{txnId}',
    isUnstable: false,
  },
  {
    name: 'putUnstableDelayedEvent',
    path: `${UNSTABLE}/rooms/{roomId}/delayed_event/{eventType}/{txnId}`,
    isUnstable: true,
  },
] as const;

const putEndpoints = putRows.map(({ name, path, isUnstable }) =>
  endpoint({
    name,
    method: 'PUT',
    path,
    auth: 'guest-ok',
    whileSuspended: 'by-event',
    rateLimit: 'write',
    query: stickyQuery,
    body: lateBody,
    handle: (deps: FutureDeps, { params, query, body, requester }) =>
      putDelayedEvent(deps, requester, {
        ...params,
        read: () => body.parse(jsonObject),
        stickyDurationMs: stickyDurationIn(query),
        isUnstable,
      }),
  }),
);

const manageUnstable = endpoint({
  name: 'manageUnstableDelayedEvent',
  method: 'POST',
  path: `${UNSTABLE}/delayed_events/{delayId}/{action}`,
  auth: 'optional',
  rateLimit: 'future-token',
  handle: (deps: DelayedEventsDeps, { params, requester, ip }) =>
    manageDelayedEvent(deps, {
      delayId: params.delayId,
      action: actionInPath(params.action),
      requester,
      ip,
      conflicts: 404,
    }),
});

const manageUnstableByBody = endpoint({
  name: 'updateUnstableDelayedEvent',
  method: 'POST',
  path: `${UNSTABLE}/delayed_events/{delayId}`,
  auth: 'optional',
  rateLimit: 'future-token',
  body: jsonObject,
  handle: (deps: DelayedEventsDeps, { params, body, requester, ip }) =>
    manageDelayedEvent(deps, {
      delayId: params.delayId,
      action: readDelayAction(body['action']),
      requester,
      ip,
      conflicts: 404,
    }),
});

const manageStable = endpoint({
  name: 'manageDelayedEvent',
  method: 'POST',
  path: '/_matrix/client/v1/delayed_events/{delayId}/{action}',
  auth: 'guest-ok',
  rateLimit: 'none',
  handle: (deps: DelayedEventsDeps, { params, requester, ip }) =>
    manageDelayedEvent(deps, {
      delayId: params.delayId,
      action: actionInPath(params.action),
      requester,
      ip,
      conflicts: 409,
    }),
});

const timestamp = z
  .string()
  .regex(/^[0-9]{1,15}$/, 'expected milliseconds since the epoch')
  .transform(Number);

const listQuery = z.object({
  status: z.string().optional(),
  type: z.string().optional(),
  dir: z.enum(['f', 'b']).optional(),
  from: z.string().optional(),
  from_ts: timestamp.optional(),
  to_ts: timestamp.optional(),
  room_id: z
    .string()
    .transform((text, context) => {
      const roomId = parseRoomId(text);
      if (roomId !== undefined) return roomId;
      context.addIssue({ code: 'custom', message: 'not a room id' });
      return z.NEVER;
    })
    .optional(),
});

const list = endpoint({
  name: 'listDelayedEvents',
  method: 'GET',
  path: `${UNSTABLE}/delayed_events`,
  alsoAt: ['/_matrix/client/v1/delayed_events'],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: listQuery,
  handle: async (deps: FutureDeps, { query, requester }) => {
    const { from_ts: fromTs, to_ts: toTs, room_id: roomId, ...rest } = query;
    return { body: await listDelayedEvents(deps, requester.userNid, { ...rest, fromTs, toTs, roomId }) };
  },
});

const get = endpoint({
  name: 'getDelayedEvent',
  method: 'GET',
  path: `${UNSTABLE}/delayed_events/{delayId}`,
  alsoAt: ['/_matrix/client/v1/delayed_events/{delayId}'],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: async (deps: FutureDeps, { params, requester }) => ({
    body: await getDelayedEvent(deps, requester.userNid, params.delayId),
  }),
});

/** Cancellable delayed events: https://github.com/matrix-org/matrix-spec-proposals/pull/4140 */
export const delayedEventsEndpoints: readonly Endpoint<DelayedEventsDeps>[] = [
  ...putEndpoints,
  manageUnstable,
  manageUnstableByBody,
  manageStable,
  list,
  get,
];

/** A path with another action is none: clients fall back to the older form on that. */
function actionInPath(text: string): NonNullable<ReturnType<typeof parseDelayAction>> {
  const action = parseDelayAction(text);
  if (action === undefined) throw unrecognized('There is no such action on a delayed event');
  return action;
}
