import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { reportEvent, reportRoom, reportUser, type ReportDeps } from '../rooms/report.ts';
import { storedText } from './request-body.ts';
import { oldPath } from './room-fields.ts';

const EVENT = '/_matrix/client/v3/rooms/{roomId}/report/{eventId}';

const LONGEST_REASON = 4_096;
const reason = storedText.max(LONGEST_REASON);
const reasonBody = z.object({ reason });
/** Clients may leave the reason for an event out, or say that there is none. */
const eventBody = z.object({ reason: reason.nullish() });

const reportEventEndpoint = endpoint({
  name: 'reportEvent',
  method: 'POST',
  path: EVENT,
  alsoAt: [oldPath(EVENT)],
  auth: 'user',
  rateLimit: 'write',
  body: eventBody,
  handle: async (deps: ReportDeps, { params, body, requester }) => {
    await reportEvent(deps, requester, params, body.reason ?? '');
    return { body: {} };
  },
});

const reportRoomEndpoint = endpoint({
  name: 'reportRoom',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/report',
  alsoAt: ['/_matrix/client/unstable/org.matrix.msc4151/rooms/{roomId}/report'],
  auth: 'user',
  rateLimit: 'write',
  body: reasonBody,
  handle: async (deps: ReportDeps, { params, body, requester }) => {
    await reportRoom(deps, requester, params.roomId, body.reason);
    return { body: {} };
  },
});

const reportUserEndpoint = endpoint({
  name: 'reportUser',
  method: 'POST',
  path: '/_matrix/client/v3/users/{userId}/report',
  alsoAt: ['/_matrix/client/unstable/org.matrix.msc4260/users/{userId}/report'],
  auth: 'user',
  rateLimit: 'write',
  body: reasonBody,
  handle: async (deps: ReportDeps, { params, body, requester }) => {
    await reportUser(deps, requester, params.userId, body.reason);
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#reporting-content */
export const reportingEndpoints: readonly Endpoint<ReportDeps>[] = [
  reportEventEndpoint,
  reportRoomEndpoint,
  reportUserEndpoint,
];
