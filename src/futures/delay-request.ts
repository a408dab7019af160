import { invalidParam, maxDelayExceeded, missingParam } from '../matrix/errors.ts';
import type { JsonValue } from '../util/json.ts';

/** The query parameter that turns a send into a delayed one, in milliseconds. */
export const DELAY_PARAMETER = 'org.matrix.msc4140.delay';
/** Was never specified; to pass over it would send at once what was meant for later. */
export const PARENT_DELAY_PARAMETER = 'org.matrix.msc4140.parent_delay_id';

/**
 * The delay in a query, as text; undefined when the event is to be sent now. Throws 400 M_INVALID_PARAM for the
 * parameter that nobody implements.
 */
export function findDelayParameter(query: Readonly<Record<string, unknown>>): string | undefined {
  if (query[PARENT_DELAY_PARAMETER] !== undefined)
    throw invalidParam(`${PARENT_DELAY_PARAMETER} is not supported by this server`);
  const delay = query[DELAY_PARAMETER];
  return typeof delay === 'string' ? delay : undefined;
}

/** The delay of a query parameter in milliseconds. Throws 400 M_INVALID_PARAM, and the refusal of one beyond `maxMs`. */
export function parseDelayText(text: string, maxMs: number): number {
  const delayMs = /^[0-9]{1,20}$/.test(text) ? Number(text) : 0;
  if (delayMs < 1)
    throw invalidParam(`${DELAY_PARAMETER} must be a whole number of milliseconds, at least 1`);
  if (delayMs > maxMs) throw maxDelayExceeded(`The delay is longer than ${maxMs} ms`, maxMs);
  return delayMs;
}

/**
 * The delay of a body in milliseconds, under its present name or the older `delay`. Throws 400 M_MISSING_PARAM or
 * M_INVALID_PARAM; how long it may be is for the caller to say.
 */
export function readDelayMs(present: JsonValue | undefined, older: JsonValue | undefined): number {
  if (present !== undefined && older !== undefined && present !== older)
    throw invalidParam('delay_ms and delay contradict each other');
  const delayMs = present ?? older;
  if (delayMs === undefined) throw missingParam('Missing parameter: delay_ms');
  if (typeof delayMs !== 'number' || !Number.isInteger(delayMs) || delayMs < 1)
    throw invalidParam('delay_ms must be a whole number of milliseconds, at least 1');
  return delayMs;
}
