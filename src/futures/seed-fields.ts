import { badJson, invalidParam, missingParam } from '../matrix/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';
import { isDeepStrictEqual } from 'node:util';
import { isFieldText } from './schedulable.ts';

/** The spellings of prefixes: as documented, bare as in the proposal's examples, and before it is stable. */
export const PREFIXES = ['m.', '', 'io.element.'] as const;

/** A value with the keys under which it was given. */
export interface Spelt<T> {
  readonly value: T;
  readonly keys: readonly string[];
}

/** The raw value of a field that may be spelt with any prefix; undefined when it is absent. Throws for a contradiction. */
export function readField(body: JsonObject, name: string): Spelt<JsonValue> | undefined {
  const given = PREFIXES.map((prefix) => `${prefix}${name}`).flatMap((key): [string, JsonValue][] => {
    const value = body[key];
    return value === undefined || !Object.hasOwn(body, key) ? [] : [[key, value]];
  });
  return agree(name, given);
}

function agree<T>(name: string, given: readonly (readonly [string, T])[]): Spelt<T> | undefined {
  const [first] = given;
  if (first === undefined) return undefined;
  if (given.some(([, value]) => !isDeepStrictEqual(value, first[1])))
    throw invalidParam(`${given.map(([key]) => key).join(' and ')} contradict each other as ${name}`);
  return { value: first[1], keys: given.map(([key]) => key) };
}

/** What a `timeout` without `_ms` counts. */
export type TimeoutUnit = 'seconds' | 'milliseconds';

/**
 * The timeout in whole milliseconds, at least 1. `timeout` counts the configured unit, fractions allowed; `timeout_ms`
 * is whole milliseconds. Throws 400 M_MISSING_PARAM, and M_INVALID_PARAM for what is no such duration.
 */
export function readTimeoutMs(body: JsonObject, unit: TimeoutUnit): number {
  const unsuffixed = readField(body, 'timeout');
  const suffixed = readField(body, 'timeout_ms');
  const durations: [string, number][] = [];
  if (unsuffixed !== undefined) {
    const scale = unit === 'seconds' ? 1000 : 1;
    durations.push(['timeout', Math.round(positive('timeout', unsuffixed.value, scale))]);
  }
  if (suffixed !== undefined) {
    const ms = positive('timeout_ms', suffixed.value, 1);
    if (!Number.isInteger(ms)) throw invalidParam('timeout_ms must be a whole number of milliseconds');
    durations.push(['timeout_ms', ms]);
  }
  const agreed = agree('timeout', durations);
  if (agreed === undefined) throw missingParam('Missing parameter: timeout (or timeout_ms)');
  return agreed.value;
}

function positive(name: string, value: JsonValue, scale: number): number {
  const ms = typeof value === 'number' ? value * scale : Number.NaN;
  if (!Number.isFinite(ms) || ms < 1)
    throw invalidParam(`${name} must be a number of at least one millisecond`);
  return ms;
}

/** Action names with their raw event, in the order of the body, and how they were spelt. */
export interface SpeltActions {
  readonly events: ReadonlyMap<string, JsonValue>;
  /** The maps (`send_on_action`) and flat prefixes (`m.send_on_action:`) that were used. */
  readonly keys: readonly string[];
}

/** Reads both forms of actions: the map `send_on_action` and the flat keys `m.send_on_action:<name>`. */
export function readActions(body: JsonObject): SpeltActions {
  const events = new Map<string, JsonValue>();
  const keys = new Set<string>();
  const add = (key: string, name: string, event: JsonValue | undefined): void => {
    if (event === undefined) return;
    const before = events.get(name);
    if (before !== undefined && !isDeepStrictEqual(before, event))
      throw invalidParam(`the action ${JSON.stringify(name)} is given twice, and differently`);
    checkActionName(name);
    events.set(name, event);
    keys.add(key);
  };
  for (const [key, value] of Object.entries(body)) {
    const map = PREFIXES.find((prefix) => key === `${prefix}send_on_action`);
    const flat = PREFIXES.map((prefix) => `${prefix}send_on_action:`).find((start) => key.startsWith(start));
    if (map !== undefined) {
      if (!isJsonObject(value)) throw invalidParam(`${key} must be an object of events by action name`);
      for (const [name, event] of Object.entries(value)) add(key, name, event);
    } else if (flat !== undefined) add(flat, key.slice(flat.length), value);
  }
  return { events, keys: [...keys] };
}

function checkActionName(name: string): void {
  if (name === '' || !isFieldText(name)) throw invalidParam('An action name must be text of 1 to 255 bytes');
}

/** The object under a field; throws 400 M_BAD_JSON for anything else. */
export function asEventObject(field: string, value: JsonValue): JsonObject {
  if (!isJsonObject(value)) throw badJson(`${field} must be an event: an object with type and content`);
  return value;
}
