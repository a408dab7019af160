import { futureMaxTimeoutExceeded, type MatrixError } from '../matrix/errors.ts';
import { stateSlot } from '../matrix/event.ts';
import { chooseEventId } from '../matrix/event-building.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { clientIntent, type ClientEventInput } from '../rooms/client-intent.ts';
import type { ProposedEvent } from '../rooms/intent.ts';
import type { Requester } from '../http/endpoint.ts';
import { findTransactionResponse, type ClientTransactionKey } from '../storage/client-transactions.ts';
import { storeFuture, type NewAlternative, type NewFuture } from '../storage/future-commit.ts';
import { allotFutureNid } from '../storage/future-updates.ts';
import type { JsonObject } from '../util/json.ts';
import { randomToken, type Random } from '../util/random.ts';
import { admitToRoom, tooManyFutures, type AdmittedRoom } from './admission.ts';
import { describeCreated, withToken } from './describe-seed.ts';
import type { FutureDeps } from './future-deps.ts';
import { readFutureRequest, type FutureRequest } from './seed-request.ts';
import { fillTemplate, isTemplateVariable } from './template.ts';
import { chooseTokenId } from './token.ts';

const DELAY_ID_BYTES = 18;

/** An unguessable name for what may be sent later: whoever knows it may manage the future. */
export function chooseDelayId(random: Random): string {
  return randomToken(random, DELAY_ID_BYTES);
}

/**
 * Makes a future, together with its send_now event if it has one: both or neither. The answer says the token, the ids
 * and the timeout; the same request again gets the same answer, whatever has become of the future. Throws what
 * {@link readFutureRequest} and {@link admitToRoom} throw, 400 M_FUTURE_MAX_TIMEOUT_EXCEEDED, and what the room says
 * against send_now.
 */
export async function createFuture(
  deps: FutureDeps,
  requester: Requester,
  request: {
    readonly roomId: RoomId;
    readonly txnId: string;
    /** Reads the body; a repeated request may come without one. */
    readonly read: () => JsonObject;
  },
): Promise<JsonObject> {
  const { roomId, txnId } = request;
  const key = {
    userNid: requester.userNid,
    deviceId: requester.deviceId,
    endpoint: `future/${encodeURIComponent(roomId)}`,
    txnId,
  };
  const repeated = await findTransactionResponse(deps.db, key);
  if (repeated !== undefined) return withToken(deps.identity, repeated);

  const wanted = readFutureRequest(request.read(), {
    sender: requester.userId,
    roomId,
    serverName: deps.identity.serverName,
    unit: deps.config.futures.unsuffixedUnit,
  });
  if (wanted.timeoutMs > deps.config.maxDelayMs) throw timeoutTooLong(deps.config.maxDelayMs);
  const events = wanted.alternatives.map(({ event }) => event);
  const room = await admitToRoom(deps, requester, roomId, events);
  const plan = await planFuture(deps, requester, room, wanted);
  const answer = await store(deps, requester, roomId, key, plan);
  deps.futureScheduler.expect(plan.sinceTs + wanted.timeoutMs);
  return withToken(deps.identity, answer);
}

function timeoutTooLong(maxMs: number): MatrixError {
  return futureMaxTimeoutExceeded(`The timeout is longer than ${maxMs} ms`, { max_timeout_ms: maxMs });
}

/** All of a future that is known before its send_now event is. */
interface FuturePlan {
  readonly wanted: FutureRequest;
  readonly sinceTs: number;
  /** The future of a send_now event; undefined where there is none. */
  readonly futureWith: (sendNow: ProposedEvent | undefined) => NewFuture;
}

async function planFuture(
  deps: FutureDeps,
  requester: Requester,
  room: AdmittedRoom,
  wanted: FutureRequest,
): Promise<FuturePlan> {
  const { clock, random, identity } = deps;
  const now = wanted.sendNow;
  const slot = now?.stateKey === undefined ? undefined : stateSlot(now.type, now.stateKey);
  const [futureNid, slots] = await Promise.all([
    allotFutureNid(deps.db),
    slot === undefined ? undefined : deps.pipeline.stateKeys.intern([slot]),
  ]);
  const sinceTs = clock.nowMs();
  const fixed = {
    futureNid,
    tokenId: chooseTokenId(random),
    publicId: randomToken(random, 16),
    userNid: requester.userNid,
    deviceId: requester.deviceId,
    roomNid: room.roomNid,
    timeoutMs: wanted.timeoutMs,
    sinceTs,
    contestedStateKeyNid: undefined,
    mirror: JSON.stringify(wanted.mirror),
    mostPending: deps.config.maxDelayedEvents,
  };
  const names = wanted.alternatives.map((alternative) => ({
    ...alternative,
    delayId: chooseDelayId(random),
    reservedEventId:
      room.rules.eventIdFormat === 'chosen' ? chooseEventId(random, identity.serverName) : undefined,
  }));
  return {
    wanted,
    sinceTs,
    futureWith: (sendNow) => ({
      ...fixed,
      ...watchOf(slot && slots?.get(slot), sendNow),
      sendNowEventId: sendNow?.event.eventId,
      alternatives: names.map(({ trigger, delayId, reservedEventId, event }) => ({
        trigger,
        delayId,
        reservedEventId,
        ...asStored(event, sendNow?.event.eventId),
      })),
    }),
  };
}

/** A future lives with the state that its send_now sets; what is only pretended to be sent never becomes current. */
function watchOf(
  stateKeyNid: number | undefined,
  sendNow: ProposedEvent | undefined,
): Pick<NewFuture, 'watchedStateKeyNid' | 'watchedEventId'> {
  if (stateKeyNid === undefined || sendNow === undefined || sendNow.verdict === 'pretended')
    return { watchedStateKeyNid: undefined, watchedEventId: undefined };
  return { watchedStateKeyNid: stateKeyNid, watchedEventId: sendNow.event.eventId };
}

/** An event as a future keeps it, its template variables filled in. */
export function asStored(
  event: ClientEventInput,
  sendNowId: EventId | undefined,
): Pick<NewAlternative, 'type' | 'stateKey' | 'content' | 'redacts' | 'stickyDurationMs' | 'originServerTs'> {
  const { type, stateKey, redacts, stickyDurationMs, originServerTs } = event;
  const content = sendNowId === undefined ? event.content : fillTemplate(event.content, sendNowId);
  return {
    type,
    stateKey,
    content: JSON.stringify(content),
    redacts: sendNowId !== undefined && isTemplateVariable(redacts) ? sendNowId : redacts,
    stickyDurationMs,
    originServerTs,
  };
}

/** Stores a future, its event and the answer, which it returns as it stored it. */
async function store(
  deps: FutureDeps,
  requester: Requester,
  roomId: RoomId,
  key: ClientTransactionKey,
  plan: FuturePlan,
): Promise<JsonObject> {
  const { sendNow } = plan.wanted;
  const answerFor = (future: NewFuture): JsonObject => describeCreated(deps.identity, future);
  if (sendNow === undefined) {
    const future = plan.futureWith(undefined);
    const response = answerFor(future);
    const stored = await storeFuture(deps.database, future, { ...key, response });
    if (stored === 'too-many') throw await tooManyFutures(deps, requester.userNid);
    return stored === 'stored' ? response : getRepeated(deps, key);
  }
  const intentDeps = { clock: deps.clock, random: deps.random, serverName: deps.identity.serverName };
  const session = { sessionNid: requester.sessionNid, txnId: key.txnId };
  const senderState = requester.accountState;
  const outcome = await deps.pipeline.submit({
    roomId,
    intents: [clientIntent(intentDeps, requester.userId, sendNow, { session, senderState })],
    transaction: { key, response: ([event]) => answerFor(plan.futureWith(event)) },
    futures: ([event]) => [plan.futureWith(event)],
  });
  if (outcome.kind === 'refused') throw outcome.error;
  if (outcome.kind === 'repeated') return outcome.response;
  if (outcome.kind === 'too-many-futures') throw await tooManyFutures(deps, requester.userNid);
  if (outcome.kind !== 'committed') throw new Error(`a send_now event ended as ${outcome.kind}`);
  return answerFor(plan.futureWith(outcome.events[0]));
}

async function getRepeated(deps: Pick<FutureDeps, 'db'>, key: ClientTransactionKey): Promise<JsonObject> {
  const response = await findTransactionResponse(deps.db, key);
  if (response === undefined) throw new Error('an answered request has lost its answer');
  return response;
}
