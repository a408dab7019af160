import { z } from 'zod';
import { findDelayParameter } from '../futures/delay-request.ts';
import type { FutureDeps } from '../futures/future-deps.ts';
import { findScheduled, scheduleDelayedEvent } from '../futures/schedule.ts';
import { endpoint, type Endpoint, type Reply, type Requester } from '../http/endpoint.ts';
import { jsonObject, lateBody } from '../http/parse-input.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { ClientEventInput } from '../rooms/client-intent.ts';
import { sendOnce, type SendDeps } from '../rooms/send.ts';
import { delayQuery, oldPath, sendQuery, stickyDurationIn } from './room-fields.ts';
import { findTimestamp, timestampQuery } from './timestamp-massaging.ts';

export type RoomSendDeps = SendDeps & FutureDeps;

const SEND = '/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}';
const REDACT = '/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}';

const sendMessage = endpoint({
  name: 'sendMessage',
  method: 'PUT',
  path: SEND,
  alsoAt: [oldPath(SEND)],
  auth: 'guest-ok',
  whileSuspended: 'by-event',
  rateLimit: 'write',
  query: sendQuery.extend(timestampQuery.shape),
  body: lateBody,
  handle: (deps: RoomSendDeps, { params, query, body, requester }) =>
    sendNowOrLater(deps, requester, {
      roomId: params.roomId,
      endpoint: nameRequest('send', params.roomId, params.eventType),
      txnId: params.txnId,
      delay: findDelayParameter(query),
      read: () => ({
        type: params.eventType,
        stateKey: undefined,
        content: body.parse(jsonObject),
        stickyDurationMs: stickyDurationIn(query),
        originServerTs: findTimestamp(query, requester),
      }),
    }),
});

const redactBody = z.object({ reason: z.string().optional() });

const redactEvent = endpoint({
  name: 'redactEvent',
  method: 'PUT',
  path: REDACT,
  alsoAt: [oldPath(REDACT)],
  auth: 'user',
  whileSuspended: 'by-event',
  rateLimit: 'write',
  query: delayQuery,
  body: lateBody,
  handle: (deps: RoomSendDeps, { params, query, body, requester }) =>
    sendNowOrLater(deps, requester, {
      roomId: params.roomId,
      endpoint: nameRequest('redact', params.roomId, params.eventId),
      txnId: params.txnId,
      delay: findDelayParameter(query),
      read: () => {
        const { reason } = body.parse(redactBody);
        const content = reason === undefined ? {} : { reason };
        return { type: 'm.room.redaction', stateKey: undefined, content, redacts: params.eventId };
      },
    }),
});

interface SendRequest {
  readonly roomId: RoomId;
  readonly endpoint: string;
  readonly txnId: string;
  readonly delay: string | undefined;
  /** Reads the event from the body; a repeated request may come without one. */
  readonly read: () => ClientEventInput;
}

async function sendNowOrLater(
  deps: RoomSendDeps,
  requester: Requester,
  request: SendRequest,
): Promise<Reply> {
  const { roomId, txnId, delay, read } = request;
  const txn = { endpoint: request.endpoint, txnId };
  if (delay !== undefined) {
    const scheduled = await findScheduled(deps, requester, txn);
    return scheduled ?? scheduleDelayedEvent(deps, { requester, roomId, event: read(), delay, txn });
  }
  const { userNid, deviceId, sessionNid } = requester;
  const session = { sender: requester, sessionNid, transaction: { userNid, deviceId, ...txn } };
  return { body: await sendOnce(deps, session, roomId, read) };
}

/** Names a request by what stands in its path, each part escaped, so that no two share a name. */
function nameRequest(...path: readonly string[]): string {
  return path.map(encodeURIComponent).join('/');
}

/** https://spec.matrix.org/v1.19/client-server-api/#sending-events-to-a-room */
export const roomSendEndpoints: readonly Endpoint<RoomSendDeps>[] = [sendMessage, redactEvent];
