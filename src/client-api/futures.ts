import { createFuture } from '../futures/create.ts';
import type { FutureDeps } from '../futures/future-deps.ts';
import { listRunningFutures } from '../futures/list-seed.ts';
import { cancelFuture, refreshFuture, sendAlternative } from '../futures/manage.ts';
import { getDone, readTokenHandle, type TokenDeps } from '../futures/token-request.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject, lateBody } from '../http/parse-input.ts';

export type FuturesDeps = FutureDeps & TokenDeps;

const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';

const createFutureEndpoint = endpoint({
  name: 'createFuture',
  method: 'PUT',
  path: '/_matrix/client/v3/rooms/{roomId}/send/future/{txnId}',
  alsoAt: [`${UNSTABLE}/rooms/{roomId}/send/future/{txnId}`],
  auth: 'guest-ok',
  whileSuspended: 'by-event',
  rateLimit: 'write',
  body: lateBody,
  handle: async (deps: FutureDeps, { params, body, requester }) => ({
    body: await createFuture(deps, requester, { ...params, read: () => body.parse(jsonObject) }),
  }),
});

const listFuturesEndpoint = endpoint({
  name: 'listFutures',
  method: 'GET',
  path: '/_matrix/client/v3/futures',
  alsoAt: [`${UNSTABLE}/futures`],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: async (deps: FutureDeps, { requester }) => ({
    body: await listRunningFutures(deps, requester.userNid),
  }),
});

/** The proposal names both methods for what the token in the body allows. No access token is looked at. */
const METHODS = ['POST', 'PUT'] as const;

const refreshEndpoints = METHODS.map((method) =>
  endpoint({
    name: method === 'POST' ? 'refreshFuture' : 'refreshFutureByPut',
    method,
    path: '/_matrix/client/v3/futures/refresh',
    alsoAt: [`${UNSTABLE}/futures/refresh`],
    auth: 'none',
    rateLimit: 'future-token',
    body: jsonObject,
    handle: async (deps: FuturesDeps, { body, ip }) => {
      const managed = await refreshFuture(deps, readTokenHandle(deps, body, ip));
      return { body: { 'io.element.send_ts': getDone(deps, ip, managed).sendTs } };
    },
  }),
);

const actionEndpoints = METHODS.map((method) =>
  endpoint({
    name: method === 'POST' ? 'sendFutureAction' : 'sendFutureActionByPut',
    method,
    path: '/_matrix/client/v3/futures/action/{actionName}',
    alsoAt: [`${UNSTABLE}/futures/action/{actionName}`],
    auth: 'none',
    rateLimit: 'future-token',
    body: jsonObject,
    handle: async (deps: FuturesDeps, { params, body, ip }) => {
      const trigger = `action:${params.actionName}`;
      const handle = readTokenHandle(deps, body, ip);
      const managed = await sendAlternative(deps, handle, (alternative) => alternative.trigger === trigger);
      return { body: { event_id: getDone(deps, ip, managed).eventId } };
    },
  }),
);

const cancelEndpoints = METHODS.map((method) =>
  endpoint({
    name: method === 'POST' ? 'cancelFuture' : 'cancelFutureByPut',
    method,
    path: '/_matrix/client/v3/futures/cancel',
    alsoAt: [`${UNSTABLE}/futures/cancel`],
    auth: 'none',
    rateLimit: 'future-token',
    body: jsonObject,
    handle: async (deps: FuturesDeps, { body, ip }) => {
      getDone(deps, ip, await cancelFuture(deps, readTokenHandle(deps, body, ip)));
      return { body: {} };
    },
  }),
);

/** Futures as first proposed: https://github.com/matrix-org/matrix-spec-proposals/pull/4140 */
export const futuresEndpoints: readonly Endpoint<FuturesDeps>[] = [
  createFutureEndpoint,
  listFuturesEndpoint,
  ...refreshEndpoints,
  ...actionEndpoints,
  ...cancelEndpoints,
];
