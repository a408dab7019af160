import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../util/json.ts';
import { splitPath } from '../event-fields.ts';
import { compileGlob, containsWords } from './glob.ts';

/** An event as rules look at it: in the format of the client API, with its room. */
export interface PushedEvent {
  readonly event: JsonObject;
  /** How many are in the room. */
  readonly memberCount: number;
  /** Whether the sender may notify many at once, by key such as `room`. */
  readonly mayNotify: (key: string) => boolean;
}

/** The user whose rules they are. */
export interface PushedUser {
  /** Their name in the room; undefined when they have none there. */
  readonly displayName: string | undefined;
  /** Whether they subscribed to the thread that the event is in; undefined when it is in none. */
  readonly isSubscribed: boolean | undefined;
}

/** A condition, prepared. */
export type Condition = (pushed: PushedEvent, user: PushedUser) => boolean;

/**
 * Prepares a condition of a rule. One that nobody knows, or that lacks what it needs, never holds.
 * https://spec.matrix.org/v1.19/client-server-api/#conditions
 */
export function compileCondition(condition: JsonObject): Condition {
  const { kind, key, pattern, is, value, subscribed } = condition;
  switch (kind) {
    case 'event_match':
      return typeof key === 'string' && typeof pattern === 'string' ? eventMatch(key, pattern) : never;
    case 'event_property_is':
      return typeof key === 'string' && isSimple(value) ? propertyIs(key, value) : never;
    case 'event_property_contains':
      return typeof key === 'string' && isSimple(value) ? propertyContains(key, value) : never;
    case 'contains_display_name':
      return containsDisplayName;
    case 'room_member_count':
      return typeof is === 'string' ? memberCount(is) : never;
    case 'sender_notification_permission':
      return typeof key === 'string' ? ({ mayNotify }) => mayNotify(key) : never;
    case 'io.element.msc4306.thread_subscription':
      return typeof subscribed === 'boolean' ? (_event, user) => user.isSubscribed === subscribed : never;
    default:
      return never;
  }
}

const never: Condition = () => false;

const BODY_KEY = 'content.body';

/** Texts only; the body word by word, everything else as a whole. */
export function eventMatch(key: string, pattern: string): Condition {
  const glob = compileGlob(pattern);
  const path = splitPath(key);
  return ({ event }) => {
    const value = propertyAt(event, path);
    if (typeof value !== 'string') return false;
    return key === BODY_KEY ? glob.matchesWords(value) : glob.matchesAll(value);
  };
}

function propertyIs(key: string, expected: SimpleValue): Condition {
  const path = splitPath(key);
  return ({ event }) => propertyAt(event, path) === expected;
}

function propertyContains(key: string, expected: SimpleValue): Condition {
  const path = splitPath(key);
  return ({ event }) => {
    const value = propertyAt(event, path);
    return isJsonArray(value) && value.includes(expected);
  };
}

/** Deprecated since v1.17, but rules with it are still about. */
const containsDisplayName: Condition = ({ event }, { displayName }) => {
  const body = propertyAt(event, ['content', 'body']);
  return (
    displayName !== undefined &&
    displayName !== '' &&
    typeof body === 'string' &&
    containsWords(body, displayName)
  );
};

function memberCount(is: string): Condition {
  const [, comparison = '', digits] = /^(==|<|>|>=|<=)?([0-9]{1,15})$/.exec(is) ?? [];
  if (digits === undefined) return never;
  const count = Number(digits);
  switch (comparison) {
    case '<':
      return (pushed) => pushed.memberCount < count;
    case '>':
      return (pushed) => pushed.memberCount > count;
    case '<=':
      return (pushed) => pushed.memberCount <= count;
    case '>=':
      return (pushed) => pushed.memberCount >= count;
    default:
      return (pushed) => pushed.memberCount === count;
  }
}

type SimpleValue = string | number | boolean | null;

function isSimple(value: JsonValue | undefined): value is SimpleValue {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}

/** The property at a path; undefined where it leads nowhere. */
function propertyAt(event: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = event;
  for (const name of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}
