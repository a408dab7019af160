import { cancelledByStateUpdate, gone, type MatrixError } from '../matrix/errors.ts';
import type { StoredFuture } from '../storage/futures.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';

/** The Matrix error with which a future ended: what the room said to its timeout, or that newer state came first. */
export function failureOf(future: StoredFuture): JsonObject | undefined {
  if (future.status === 'superseded')
    return cancelledByStateUpdate('Newer state has taken the place of what it was for').toBody();
  const error: unknown = future.error === undefined ? undefined : JSON.parse(future.error);
  return isJsonObject(error) ? error : undefined;
}

/** 410 M_NOT_FOUND for a token whose future has ended, and how: `outcome`, `finalised_ts`, `event_id` or `failure`. */
export function futureGone(future: StoredFuture): MatrixError {
  const sent = future.alternatives.find((alternative) => alternative.delayId === future.sentDelayId);
  const failure = failureOf(future);
  return gone(`The future has ended: ${future.status}`, {
    outcome: future.status,
    ...(future.finalisedTs === undefined ? {} : { finalised_ts: future.finalisedTs }),
    ...(sent === undefined ? {} : { trigger: sent.trigger }),
    ...(future.sentEventId === undefined ? {} : { event_id: future.sentEventId }),
    ...(failure === undefined ? {} : { failure }),
  });
}
