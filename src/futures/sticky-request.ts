import { badJson, invalidParam } from '../matrix/errors.ts';
import { isStickyDuration, MAX_STICKY_MS, STICKY_KEY } from '../matrix/sticky.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';

/** What makes an event sticky, in a query or beside `content` in a body: milliseconds. */
export const STICKY_PARAMETER = 'org.matrix.msc4354.sticky_duration_ms';
/** The same once it is part of the specification. */
export const FINAL_STICKY_PARAMETER = 'sticky_duration_ms';

const EXPECTED = `a whole number of milliseconds, at most ${MAX_STICKY_MS}`;

/** One duration of what two places say. Throws 400 M_INVALID_PARAM when they contradict each other. */
export function agreeOnSticky(one: number | undefined, other: number | undefined): number | undefined {
  if (one !== undefined && other !== undefined && one !== other)
    throw invalidParam('The event cannot be sticky for two durations');
  return one ?? other;
}

/** The stickiness that the body of a delayed event asks for. Throws 400 M_INVALID_PARAM. */
export function readStickyDuration(body: JsonObject): number | undefined {
  const read = (key: string): number | undefined => {
    const value = body[key];
    if (value === undefined || isStickyDuration(value)) return value;
    throw invalidParam(`${key} must be ${EXPECTED}`);
  };
  return agreeOnSticky(read(STICKY_PARAMETER), read(FINAL_STICKY_PARAMETER));
}

/** The stickiness of an event that is written in full. Throws 400 M_BAD_JSON; `field` names the event there. */
export function readStickyMember(field: string, event: JsonObject): number | undefined {
  const sticky = event[STICKY_KEY];
  if (sticky === undefined) return undefined;
  const durationMs = isJsonObject(sticky) ? sticky['duration_ms'] : undefined;
  if (!isStickyDuration(durationMs)) throw badJson(`${field}: ${STICKY_KEY}.duration_ms must be ${EXPECTED}`);
  return durationMs;
}
