import type { JsonValue } from '../../util/json.ts';
import type { UserId } from '../identifiers.ts';
import { defaultPushRules, MASTER_RULE_ID, type PredefinedRules } from './default-rules.ts';
import type { PushRule, PushRuleKind, PushRuleset } from './push-rule.ts';

/** How many rules a user may write. */
export const MOST_USER_RULES = 5_000;

/** A rule that the user wrote; of one kind, the ones that are looked at first come first. */
export interface UserPushRule extends Omit<PushRule, 'isDefault'> {
  readonly kind: PushRuleKind;
}

/** What the user changed about a rule that everybody has; undefined for what is as it was. */
export interface DefaultRuleChange {
  readonly kind: PushRuleKind;
  readonly ruleId: string;
  readonly enabled: boolean | undefined;
  readonly actions: readonly JsonValue[] | undefined;
}

/**
 * All rules of a user: of each kind first those that they wrote, then those that everybody has, but the master rule
 * before all. https://spec.matrix.org/v1.19/client-server-api/#predefined-rules
 */
export function composePushRuleset(
  userId: UserId,
  written: readonly UserPushRule[],
  changes: readonly DefaultRuleChange[],
  predefined: PredefinedRules,
): PushRuleset {
  const defaults = defaultPushRules(userId, predefined);
  const rulesOf = (kind: PushRuleKind): readonly PushRule[] => {
    const own = written.filter((rule) => rule.kind === kind).map(toPushRule);
    const given = defaults[kind].map((rule) => withChange(rule, findChange(changes, kind, rule.ruleId)));
    const isMaster = (rule: PushRule): boolean => rule.ruleId === MASTER_RULE_ID;
    return [...given.filter(isMaster), ...own, ...given.filter((rule) => !isMaster(rule))];
  };
  return {
    override: rulesOf('override'),
    content: rulesOf('content'),
    postcontent: rulesOf('postcontent'),
    room: rulesOf('room'),
    sender: rulesOf('sender'),
    underride: rulesOf('underride'),
  };
}

/** Whether a rule is one that everybody has, by its id. */
export function isDefaultRuleId(ruleId: string): boolean {
  return ruleId.startsWith('.');
}

/** The rule of a kind with an id. */
export function findPushRule(ruleset: PushRuleset, kind: PushRuleKind, ruleId: string): PushRule | undefined {
  return ruleset[kind].find((rule) => rule.ruleId === ruleId);
}

function toPushRule(rule: UserPushRule): PushRule {
  const { ruleId, enabled, conditions, pattern, actions } = rule;
  return { ruleId, isDefault: false, enabled, conditions, pattern, actions };
}

function findChange(
  changes: readonly DefaultRuleChange[],
  kind: PushRuleKind,
  ruleId: string,
): DefaultRuleChange | undefined {
  return changes.find((change) => change.kind === kind && change.ruleId === ruleId);
}

function withChange(rule: PushRule, change: DefaultRuleChange | undefined): PushRule {
  if (change === undefined) return rule;
  return {
    ...rule,
    enabled: change.enabled ?? rule.enabled,
    actions: change.actions ?? rule.actions,
  };
}
