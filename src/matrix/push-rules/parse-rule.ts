import {
  isJsonArray,
  isJsonObject,
  type JsonArray,
  type JsonObject,
  type JsonValue,
} from '../../util/json.ts';
import { badJson, invalidParam, missingParam, notFound } from '../errors.ts';
import { MOST_QUESTION_MARKS } from './glob.ts';
import { hasConditions, parsePushRuleKind, type PushRule, type PushRuleKind } from './push-rule.ts';

const MAX_RULE_ID_BYTES = 255;
/** No text that is matched is longer than an event, and no sensible pattern nearly as long. */
const MAX_PATTERN_LENGTH = 1_024;
const MOST_CONDITIONS = 100;
const MOST_ACTIONS = 100;
const WORDS: ReadonlySet<unknown> = new Set(['notify', 'dont_notify', 'coalesce']);

/** The kind in a path. Throws 404 M_NOT_FOUND: clients ask so whether there are rules of a kind that they know. */
export function requirePushRuleKind(text: string): PushRuleKind {
  const kind = parsePushRuleKind(text);
  if (kind === undefined) throw notFound(`There are no push rules of the kind ${JSON.stringify(text)}`);
  return kind;
}

/**
 * Throws 400 M_INVALID_PARAM for an id that a user cannot give to a rule.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid
 */
export function checkNewRuleId(ruleId: string): void {
  if (ruleId.startsWith('.'))
    throw invalidParam('Ids of push rules that begin with a dot are those of the server');
  if (/[/\\]/.test(ruleId)) throw invalidParam('The id of a push rule may hold no slash and no backslash');
  if (ruleId === '' || Buffer.byteLength(ruleId) > MAX_RULE_ID_BYTES)
    throw invalidParam(`The id of a push rule has 1 to ${MAX_RULE_ID_BYTES} bytes`);
}

/**
 * What a user writes into a rule of a kind. What does not belong to the kind is passed over; conditions and tweaks that
 * nobody knows are kept. Throws 400 M_MISSING_PARAM, M_BAD_JSON or M_INVALID_PARAM.
 */
export function parsePushRule(
  kind: PushRuleKind,
  body: JsonObject,
): Pick<PushRule, 'conditions' | 'pattern' | 'actions'> {
  return {
    actions: parsePushActions(body['actions']),
    conditions: hasConditions(kind) ? parseConditions(body['conditions']) : [],
    pattern: kind === 'content' ? parsePattern(body['pattern']) : undefined,
  };
}

/** A list of actions: words that the specification has or had, and tweaks. Throws as {@link parsePushRule} does. */
export function parsePushActions(value: JsonValue | undefined): JsonArray {
  if (value === undefined) throw missingParam('Missing parameter: actions');
  if (!isJsonArray(value)) throw badJson('actions must be an array');
  if (value.length > MOST_ACTIONS) throw invalidParam(`A push rule has at most ${MOST_ACTIONS} actions`);
  for (const action of value) {
    const isTweak = isJsonObject(action) && typeof action['set_tweak'] === 'string';
    if (!isTweak && !WORDS.has(action)) throw invalidParam(`${JSON.stringify(action)} is no action`);
  }
  return value;
}

function parseConditions(value: JsonValue | undefined): readonly JsonObject[] {
  if (value === undefined) return [];
  if (!isJsonArray(value)) throw badJson('conditions must be an array');
  if (value.length > MOST_CONDITIONS)
    throw invalidParam(`A push rule has at most ${MOST_CONDITIONS} conditions`);
  return value.map((condition) => {
    if (!isJsonObject(condition)) throw badJson('A condition must be an object');
    if (typeof condition['kind'] !== 'string') throw missingParam('Missing parameter: kind of a condition');
    checkConditionParts(condition);
    return condition;
  });
}

/** The parts that the specification has are of its types in conditions of every kind. */
function checkConditionParts(condition: JsonObject): void {
  for (const name of ['key', 'pattern', 'is'] as const) {
    const part = condition[name];
    if (part !== undefined && typeof part !== 'string') throw badJson(`${name} of a condition must be text`);
  }
  const { pattern, value } = condition;
  if (typeof pattern === 'string') checkPattern(pattern);
  const isOfParts = typeof value === 'object' && value !== null;
  if (isOfParts || (typeof value === 'number' && !Number.isSafeInteger(value)))
    throw badJson('value of a condition must be text, an integer, true, false or null');
}

function parsePattern(value: JsonValue | undefined): string {
  if (value === undefined) throw missingParam('Missing parameter: pattern');
  if (typeof value !== 'string') throw badJson('pattern must be text');
  checkPattern(value);
  return value;
}

function checkPattern(pattern: string): void {
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw invalidParam(`A pattern has at most ${MAX_PATTERN_LENGTH} characters`);
  if (pattern.split('?').length - 1 > MOST_QUESTION_MARKS)
    throw invalidParam(`A pattern has at most ${MOST_QUESTION_MARKS} question marks`);
}
