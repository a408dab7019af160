import { isJsonObject, type JsonObject } from '../util/json.ts';

/** The member of an event that makes it sticky, outside of its content. Redaction removes it. */
export const STICKY_KEY = 'msc4354_sticky';
export const MAX_STICKY_MS = 3_600_000;

/** True for a duration that a client may ask for: whole milliseconds, at most an hour. */
export function isStickyDuration(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MAX_STICKY_MS;
}

/**
 * The duration for which an event says that it is sticky, in milliseconds; undefined for one that is not. It may say
 * more than the hour that counts: clients compare what is written.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4354
 */
export function findStickyDuration(pdu: JsonObject): number | undefined {
  const sticky = pdu[STICKY_KEY];
  const durationMs = isJsonObject(sticky) ? sticky['duration_ms'] : undefined;
  return typeof durationMs === 'number' && Number.isSafeInteger(durationMs) && durationMs >= 0
    ? durationMs
    : undefined;
}

/** Until when an event is sticky, in milliseconds since the epoch: from its own time, but at the latest from its arrival. */
export function stickyUntil(originServerTs: number, durationMs: number, receivedTs: number): number {
  return Math.min(originServerTs, receivedTs) + Math.min(durationMs, MAX_STICKY_MS);
}
