import { z } from 'zod';
import { markRead, type ReadMarks, type ReceiptDeps } from '../ephemeral/receipts.ts';
import type { PresenceBoard } from '../ephemeral/presence.ts';
import { endpoint, type Endpoint, type Requester } from '../http/endpoint.ts';
import { invalidParam } from '../matrix/errors.ts';
import { parseEventId, type EventId, type RoomId } from '../matrix/identifiers.ts';
import { jsonObject } from '../http/parse-input.ts';
import type { JsonObject } from '../util/json.ts';
import { identifier, oldPath } from './room-fields.ts';

export interface ReceiptsDeps extends ReceiptDeps {
  readonly presenceBoard: Pick<PresenceBoard, 'noteActivity'>;
}

const RECEIPT = '/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}';
const MARKERS = '/_matrix/client/v3/rooms/{roomId}/read_markers';

const eventIdField = identifier(parseEventId, 'event id').optional();

const postReceipt = endpoint({
  name: 'postReceipt',
  method: 'POST',
  path: RECEIPT,
  alsoAt: [oldPath(RECEIPT)],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  bodyOptional: true,
  handle: (deps: ReceiptsDeps, { params, body, requester }) =>
    mark(deps, requester, params.roomId, marksOf(params.receiptType, params.eventId, body)),
});

const setReadMarker = endpoint({
  name: 'setReadMarker',
  method: 'POST',
  path: MARKERS,
  alsoAt: [oldPath(MARKERS)],
  auth: 'user',
  rateLimit: 'write',
  body: z.object({
    'm.fully_read': eventIdField,
    'm.read': eventIdField,
    'm.read.private': eventIdField,
  }),
  handle: (deps: ReceiptsDeps, { params, body, requester }) =>
    mark(deps, requester, params.roomId, {
      read: body['m.read'],
      readPrivately: body['m.read.private'],
      fullyRead: body['m.fully_read'],
    }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#receipts */
export const receiptsEndpoints: readonly Endpoint<ReceiptsDeps>[] = [postReceipt, setReadMarker];

async function mark(
  deps: ReceiptsDeps,
  requester: Requester,
  roomId: RoomId,
  marks: ReadMarks,
): Promise<{ readonly body: JsonObject }> {
  await markRead(deps, requester, roomId, marks);
  await deps.presenceBoard.noteActivity(requester.userNid);
  return { body: {} };
}

function marksOf(receiptType: string, eventId: EventId, body: JsonObject): ReadMarks {
  const threadId = body['thread_id'];
  if (threadId !== undefined && typeof threadId !== 'string')
    throw invalidParam('thread_id: expected a non-empty string');
  if (receiptType === 'm.read') return { read: eventId, threadId };
  if (receiptType === 'm.read.private') return { readPrivately: eventId, threadId };
  if (receiptType !== 'm.fully_read')
    throw invalidParam(`${JSON.stringify(receiptType)} is no type of receipt.`);
  if (threadId !== undefined) throw invalidParam('m.fully_read is not for one thread.');
  return { fullyRead: eventId };
}
