import type { EventId } from '../matrix/identifiers.ts';
import type { Identity } from '../rooms/decision.ts';
import type { NewFuture } from '../storage/future-commit.ts';
import { isJsonObject, isJsonArray, type JsonObject, type JsonValue } from '../util/json.ts';
import { placeholderFor } from './placeholder.ts';
import { PREFIXES } from './seed-fields.ts';
import { makeFutureToken, readFutureToken } from './token.ts';

/** What an answer says of one event of a future: of `send_now`, `timeout`, or `action:<name>`. */
export interface DescribedEvent {
  readonly trigger: string;
  readonly value: JsonValue;
}

/**
 * The entries under their documented keys, and again under each spelling that the creator used: `mirror` is the JSON
 * list of those keys.
 */
export function spellEvents(entries: readonly DescribedEvent[], mirror: string | undefined): JsonObject {
  const used = readMirror(mirror);
  const spelt: [string, JsonValue][] = [];
  const actions: [string, JsonValue][] = [];
  for (const { trigger, value } of entries) {
    if (trigger.startsWith('action:')) {
      const name = trigger.slice('action:'.length);
      actions.push([name, value]);
      for (const prefix of PREFIXES) {
        const start = `${prefix}send_on_action:`;
        if (prefix === 'm.' || used.has(start)) spelt.push([`${start}${name}`, value]);
      }
    } else {
      const field = trigger === 'timeout' ? 'send_on_timeout' : 'send_now';
      for (const prefix of PREFIXES) {
        if (prefix === 'm.' || used.has(`${prefix}${field}`)) spelt.push([`${prefix}${field}`, value]);
      }
    }
  }
  const maps = PREFIXES.map((prefix) => `${prefix}send_on_action`).filter((key) => used.has(key));
  return Object.fromEntries([
    ...spelt,
    ...maps.map((key): [string, JsonValue] => [key, Object.fromEntries(actions)]),
  ]);
}

function readMirror(mirror: string | undefined): ReadonlySet<JsonValue> {
  const parsed: unknown = mirror === undefined ? [] : JSON.parse(mirror);
  return new Set(isJsonArray(parsed) ? parsed : []);
}

/**
 * The answer to who made a future, as it is stored for when the request is repeated: with the id of the token for the token,
 * which the database must not hold. Ids of events that are not sent yet are marked as provisional.
 */
export function describeCreated(identity: Pick<Identity, 'serverName'>, future: NewFuture): JsonObject {
  const { tokenId, publicId, sendNowEventId } = future;
  if (tokenId === undefined || publicId === undefined)
    throw new Error('a future without a token has no such answer');
  const entries: DescribedEvent[] = future.alternatives.map(
    ({ trigger, delayId, reservedEventId }, ordinal) => ({
      trigger,
      value: {
        ...bothKeys(reservedEventId ?? placeholderFor(publicId, ordinal, identity.serverName)),
        delay_id: delayId,
        ...(reservedEventId === undefined ? { 'io.element.provisional': true } : {}),
      },
    }),
  );
  if (sendNowEventId !== undefined) entries.unshift({ trigger: 'send_now', value: bothKeys(sendNowEventId) });
  return {
    ...spellEvents(entries, future.mirror),
    future_token: tokenId,
    'io.element.timeout_ms': future.timeoutMs,
    'io.element.send_ts': future.sinceTs + future.timeoutMs,
  };
}

/** The answer as its client gets it, from {@link describeCreated}. */
export function withToken({ key }: Pick<Identity, 'key'>, stored: JsonObject): JsonObject {
  const { future_token: tokenId } = stored;
  if (typeof tokenId !== 'string') throw new Error('the stored answer has no token id');
  // Answers that were stored whole keep for a week.
  if (readFutureToken(key, tokenId) !== undefined) return stored;
  return { ...stored, future_token: makeFutureToken(key, tokenId) };
}

/** The proposal spells it `eventId`, the rest of Matrix `event_id`. */
function bothKeys(eventId: EventId): JsonObject {
  return { event_id: eventId, eventId };
}

/** JSON text of a content as it was stored. */
export function readContent(text: string): JsonObject {
  const content: unknown = JSON.parse(text);
  if (!isJsonObject(content)) throw new Error('a stored content is no object');
  return content;
}
