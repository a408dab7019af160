import { badJson, delayTooLarge, missingParam } from '../matrix/errors.ts';
import { stateSlot } from '../matrix/event.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { Reply, Requester } from '../http/endpoint.ts';
import type { ClientEventInput } from '../rooms/client-intent.ts';
import { findTransactionResponse, type ClientTransactionKey } from '../storage/client-transactions.ts';
import { storeFuture, type NewFuture } from '../storage/future-commit.ts';
import { allotFutureNid } from '../storage/future-updates.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { admitToRoom, tooManyFutures } from './admission.ts';
import { asStored, chooseDelayId } from './create.ts';
import { parseDelayText, readDelayMs } from './delay-request.ts';
import type { FutureDeps } from './future-deps.ts';
import { findScheduleFault } from './schedulable.ts';
import { agreeOnSticky, readStickyDuration } from './sticky-request.ts';

/** Which request this is, for repeats: the path up to the transaction id, as for events that are sent at once. */
export interface RequestId {
  readonly endpoint: string;
  readonly txnId: string;
}

/**
 * What `PUT …/send` and `PUT …/state` do with `?org.matrix.msc4140.delay=`: schedules instead of sending, and answers
 * the delay id. Throws 400 M_INVALID_PARAM for a bad delay, 400 M_UNKNOWN with the maximum for one that is too long,
 * and what {@link scheduleEvent} throws.
 */
export async function scheduleDelayedEvent(
  deps: FutureDeps,
  request: {
    readonly requester: Requester;
    readonly roomId: RoomId;
    readonly event: ClientEventInput;
    readonly delay: string;
    readonly txn?: RequestId | undefined;
  },
): Promise<Reply> {
  const { requester, roomId, event, txn } = request;
  const repeated = await findScheduled(deps, requester, txn);
  if (repeated !== undefined) return repeated;
  const delayMs = parseDelayText(request.delay, deps.config.maxDelayMs);
  return scheduleEvent(deps, requester, { roomId, event, delayMs, txn });
}

/**
 * What `PUT …/delayed_event/{eventType}/{txnId}` does. Throws 400 for a bad body and for a delay that is too long (in
 * the words of the path), and what {@link scheduleEvent} throws.
 */
export async function putDelayedEvent(
  deps: FutureDeps,
  requester: Requester,
  request: {
    readonly roomId: RoomId;
    readonly eventType: string;
    readonly txnId: string;
    /** Reads the body; a repeated request may come without one. */
    readonly read: () => JsonObject;
    /** What the query asks for; the body may as well. */
    readonly stickyDurationMs: number | undefined;
    readonly isUnstable: boolean;
  },
): Promise<Reply> {
  const { roomId, eventType, txnId } = request;
  const txn = { endpoint: ['delayed_event', roomId, eventType].map(encodeURIComponent).join('/'), txnId };
  const repeated = await findScheduled(deps, requester, txn);
  if (repeated !== undefined) return repeated;
  const body = request.read();
  const delayMs = readDelayMs(body['delay_ms'], body['delay']);
  const { maxDelayMs } = deps.config;
  if (delayMs > maxDelayMs)
    throw delayTooLarge(`The delay is longer than ${maxDelayMs} ms`, maxDelayMs, request.isUnstable);
  const stickyDurationMs = agreeOnSticky(request.stickyDurationMs, readStickyDuration(body));
  const event = { ...readScheduled(eventType, body), stickyDurationMs };
  return scheduleEvent(deps, requester, { roomId, event, delayMs, txn });
}

function readScheduled(type: string, body: JsonObject): ClientEventInput {
  const { state_key: stateKey, content } = body;
  if (content === undefined) throw missingParam('Missing parameter: content');
  if (!isJsonObject(content)) throw badJson('content must be an object');
  if (stateKey !== undefined && typeof stateKey !== 'string') throw badJson('state_key must be text');
  return { type, stateKey, content };
}

/** The answer to the same request before. Asked before anything else of it is: a repeat may come without a body. */
export async function findScheduled(
  deps: Pick<FutureDeps, 'db'>,
  requester: Requester,
  txn: RequestId | undefined,
): Promise<Reply | undefined> {
  const response = txn && (await findTransactionResponse(deps.db, keyOf(requester, txn)));
  return response && { body: response };
}

/**
 * Stores an event to be sent after `delayMs`: a future whose only alternative is its timeout. Throws 400 M_BAD_JSON
 * or 413 M_TOO_LARGE for an event that could never be sent, and what {@link admitToRoom} throws.
 */
export async function scheduleEvent(
  deps: FutureDeps,
  requester: Requester,
  request: {
    readonly roomId: RoomId;
    readonly event: ClientEventInput;
    readonly delayMs: number;
    readonly txn?: RequestId | undefined;
  },
): Promise<Reply> {
  const { event, delayMs, txn } = request;
  const fault = findScheduleFault(event);
  if (fault !== undefined) throw fault;
  const { roomNid } = await admitToRoom(deps, requester, request.roomId, [event]);
  const delayId = chooseDelayId(deps.random);
  const future: NewFuture = {
    futureNid: await allotFutureNid(deps.db),
    tokenId: undefined,
    publicId: undefined,
    userNid: requester.userNid,
    deviceId: requester.deviceId,
    roomNid,
    timeoutMs: delayMs,
    sinceTs: deps.clock.nowMs(),
    watchedStateKeyNid: undefined,
    watchedEventId: undefined,
    contestedStateKeyNid: await findContested(deps, event),
    sendNowEventId: undefined,
    mirror: undefined,
    mostPending: deps.config.maxDelayedEvents,
    alternatives: [
      { trigger: 'timeout', delayId, reservedEventId: undefined, ...asStored(event, undefined) },
    ],
  };
  const response = { delay_id: delayId };
  const transaction = txn && { response, ...keyOf(requester, txn) };
  const stored = await storeFuture(deps.database, future, transaction);
  if (stored === 'too-many') throw await tooManyFutures(deps, requester.userNid);
  if (stored === 'repeated') {
    const repeated = await findScheduled(deps, requester, txn);
    if (repeated === undefined) throw new Error('an answered request has lost its answer');
    return repeated;
  }
  deps.futureScheduler.expect(future.sinceTs + delayMs);
  return { body: response };
}

/** Where the operator wants it so, state of other users cancels a delayed state event of the same slot. */
async function findContested(
  deps: Pick<FutureDeps, 'config' | 'pipeline'>,
  { type, stateKey }: ClientEventInput,
): Promise<number | undefined> {
  if (!deps.config.futures.cancelOnOthersState || stateKey === undefined) return undefined;
  const slot = stateSlot(type, stateKey);
  return (await deps.pipeline.stateKeys.intern([slot])).get(slot);
}

function keyOf(requester: Requester, txn: RequestId): ClientTransactionKey {
  return {
    userNid: requester.userNid,
    deviceId: requester.deviceId,
    endpoint: txn.endpoint,
    txnId: txn.txnId,
  };
}
