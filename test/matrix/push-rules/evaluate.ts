import assert from 'node:assert/strict';
import { parseUserId } from '../../../src/matrix/identifiers.ts';
import type { PushedEvent } from '../../../src/matrix/push-rules/conditions.ts';
import { PushRuleCompiler } from '../../../src/matrix/push-rules/evaluation.ts';
import type { PushRuleKind } from '../../../src/matrix/push-rules/push-rule.ts';
import {
  composePushRuleset,
  type DefaultRuleChange,
  type UserPushRule,
} from '../../../src/matrix/push-rules/ruleset.ts';
import type { JsonObject, JsonValue } from '../../../src/util/json.ts';

const alice = parseUserId('@alice:test');
assert.ok(alice !== undefined);
/** Whose rules they are. */
export const ALICE = alice;
/** What only a custom rule answers with. */
export const MATCHED: readonly JsonValue[] = ['notify', { set_tweak: 'org.example' }];

/** What is known besides the event: five members, and nothing else unless it says so. */
export interface Facts {
  readonly memberCount?: number;
  readonly mayNotify?: boolean;
  readonly displayName?: string;
  readonly legacyMentions?: boolean;
  readonly threadSubscriptions?: boolean;
  readonly isSubscribed?: boolean;
}

/** The actions for an event that Bob sent to `!room:test`. */
export function evaluate(
  written: readonly UserPushRule[],
  changes: readonly DefaultRuleChange[],
  event: JsonObject,
  facts: Facts,
): readonly JsonValue[] {
  const pushed: PushedEvent = {
    event: { room_id: '!room:test', sender: '@bob:test', event_id: '$1', ...event },
    memberCount: facts.memberCount ?? 5,
    mayNotify: (key) => key === 'room' && facts.mayNotify === true,
  };
  const user = { displayName: facts.displayName, isSubscribed: facts.isSubscribed };
  const predefined = {
    legacyMentions: facts.legacyMentions ?? false,
    threadSubscriptions: facts.threadSubscriptions ?? false,
  };
  return new PushRuleCompiler()
    .compile(composePushRuleset(ALICE, written, changes, predefined))
    .evaluate(pushed, user);
}

/** An enabled rule that Alice wrote. */
export function rule(kind: PushRuleKind, ruleId: string, parts: Partial<UserPushRule>): UserPushRule {
  return { kind, ruleId, enabled: true, conditions: [], pattern: undefined, actions: [], ...parts };
}

/** A text without mentions. */
export function message(body: string): JsonObject {
  return { type: 'm.room.message', content: { msgtype: 'm.text', body } };
}
