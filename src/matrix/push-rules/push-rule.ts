import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../util/json.ts';

/**
 * The kinds of rules in the order in which they are looked at. `postcontent`, of MSC4306, has rules of the server only, and
 * only where there are subscriptions to threads.
 */
export const PUSH_RULE_KINDS = ['override', 'content', 'postcontent', 'room', 'sender', 'underride'] as const;
export type PushRuleKind = (typeof PUSH_RULE_KINDS)[number];

/** One rule. https://spec.matrix.org/v1.19/client-server-api/#push-rules */
export interface PushRule {
  readonly ruleId: string;
  /** True for the rules that every user has. */
  readonly isDefault: boolean;
  readonly enabled: boolean;
  /** Of override, postcontent and underride rules; all must hold, and none always do. */
  readonly conditions: readonly JsonObject[];
  /** Of content rules. */
  readonly pattern: string | undefined;
  readonly actions: readonly JsonValue[];
}

/** The rules of a user: of each kind the ones that are looked at first come first. */
export type PushRuleset = Readonly<Record<PushRuleKind, readonly PushRule[]>>;

/** The kind that `text` names. */
export function parsePushRuleKind(text: string): PushRuleKind | undefined {
  return PUSH_RULE_KINDS.find((kind) => kind === text);
}

/** Whether rules of a kind have conditions; the others imply theirs. */
export function hasConditions(kind: PushRuleKind): boolean {
  return kind === 'override' || kind === 'postcontent' || kind === 'underride';
}

/** A rule as clients see it. */
export function renderPushRule(kind: PushRuleKind, rule: PushRule): JsonObject {
  return {
    rule_id: rule.ruleId,
    default: rule.isDefault,
    enabled: rule.enabled,
    ...(hasConditions(kind) ? { conditions: rule.conditions } : {}),
    ...(rule.pattern === undefined ? {} : { pattern: rule.pattern }),
    actions: rule.actions,
  };
}

/** The rules of one kind as clients see them. */
export function renderPushRulesOf(ruleset: PushRuleset, kind: PushRuleKind): readonly JsonObject[] {
  return ruleset[kind].map((rule) => renderPushRule(kind, rule));
}

/** All rules by kind, as clients see them: what stands under `global`. */
export function renderPushRuleset(ruleset: PushRuleset): JsonObject {
  return Object.fromEntries(
    PUSH_RULE_KINDS.filter((kind) => kind !== 'postcontent' || ruleset[kind].length > 0).map((kind) => [
      kind,
      renderPushRulesOf(ruleset, kind),
    ]),
  );
}

/**
 * The content of the account data m.push_rules, which GET /pushrules/ answers too.
 * https://spec.matrix.org/v1.19/client-server-api/#mpush_rules
 */
export function pushRulesContent(ruleset: PushRuleset): JsonObject {
  return { global: renderPushRuleset(ruleset) };
}

/** What there is to read of a stored rule: `conditions`, `pattern` and `actions`. */
export function readRuleParts(value: unknown): Pick<PushRule, 'conditions' | 'pattern' | 'actions'> {
  const parts = isJsonObject(value) ? value : {};
  const { conditions, pattern, actions } = parts;
  return {
    conditions: isJsonArray(conditions) ? conditions.filter(isJsonObject) : [],
    pattern: typeof pattern === 'string' ? pattern : undefined,
    actions: isJsonArray(actions) ? actions : [],
  };
}
