import { isJsonObject, type JsonObject, type JsonValue } from '../../util/json.ts';
import type { Turn } from '../../util/turn.ts';
import {
  compileCondition,
  eventMatch,
  type Condition,
  type PushedEvent,
  type PushedUser,
} from './conditions.ts';
import { LEGACY_MENTION_RULE_IDS } from './default-rules.ts';
import { PUSH_RULE_KINDS, type PushRule, type PushRuleKind, type PushRuleset } from './push-rule.ts';

/** The rules of a user, prepared for many events. */
export interface Evaluator {
  /**
   * The actions of the first rule that matches, without those that are to be ignored; empty when none does. Whether the
   * user sent the event is for the caller to look at.
   */
  evaluate(pushed: PushedEvent, user: PushedUser): readonly JsonValue[];
  /** The same in turns of the event loop: what one user writes into thousands of rules may take long. */
  evaluateInTurns(pushed: PushedEvent, user: PushedUser, turn: Turn): Promise<readonly JsonValue[]>;
}

/** What actions ask for. https://spec.matrix.org/v1.19/client-server-api/#actions */
export interface PushOutcome {
  readonly notifies: boolean;
  readonly highlights: boolean;
  /** How to present it, for the gateway. */
  readonly tweaks: JsonObject;
}

interface PreparedRule {
  readonly conditions: readonly Condition[];
  readonly actions: readonly JsonValue[];
}

/**
 * Prepares rules, and remembers what it has prepared: most rules are the same for everybody. Disabled ones, which never
 * match, are left out.
 */
export class PushRuleCompiler {
  readonly #prepared = new WeakMap<PushRule, PreparedRule>();

  compile(ruleset: PushRuleset): Evaluator {
    const prepared = PUSH_RULE_KINDS.flatMap((kind) =>
      ruleset[kind].filter((rule) => rule.enabled).map((rule) => this.#prepare(kind, rule)),
    );
    return {
      evaluate: (pushed, user) =>
        prepared.find(({ conditions }) => conditions.every((holds) => holds(pushed, user)))?.actions ?? [],
      evaluateInTurns: async (pushed, user, turn) => {
        rules: for (const { conditions, actions } of prepared) {
          for (const holds of conditions) {
            if (turn.isOver) await turn.end();
            if (!holds(pushed, user)) continue rules;
          }
          return actions;
        }
        return [];
      },
    };
  }

  #prepare(kind: PushRuleKind, rule: PushRule): PreparedRule {
    const known = this.#prepared.get(rule);
    if (known !== undefined) return known;
    const prepared = {
      conditions: conditionsOf(kind, rule),
      actions: rule.actions.filter((action) => !IGNORED_ACTIONS.has(action)),
    };
    this.#prepared.set(rule, prepared);
    return prepared;
  }
}

/** Reads a list of actions. */
export function outcomeOf(actions: readonly JsonValue[]): PushOutcome {
  const tweaks: Record<string, JsonValue> = {};
  for (const action of actions) {
    const name = isJsonObject(action) ? action['set_tweak'] : undefined;
    if (!isJsonObject(action) || typeof name !== 'string') continue;
    const { value } = action;
    if (value !== undefined) tweaks[name] = value;
    // A highlight without a value is one.
    else if (name === 'highlight') tweaks[name] = true;
  }
  return { notifies: actions.includes('notify'), highlights: tweaks['highlight'] === true, tweaks };
}

/** Older versions had these, and they do nothing. https://spec.matrix.org/v1.19/client-server-api/#historical-actions */
const IGNORED_ACTIONS: ReadonlySet<unknown> = new Set(['dont_notify', 'coalesce']);

function conditionsOf(kind: PushRuleKind, rule: PushRule): readonly Condition[] {
  const conditions = ownConditions(kind, rule);
  return rule.isDefault && LEGACY_MENTION_RULE_IDS.has(rule.ruleId)
    ? [saysNotWhomItMentions, ...conditions]
    : conditions;
}

function saysNotWhomItMentions({ event }: PushedEvent): boolean {
  const { content } = event;
  return !isJsonObject(content) || !isJsonObject(content['m.mentions']);
}

function ownConditions(kind: PushRuleKind, rule: PushRule): readonly Condition[] {
  if (kind === 'content')
    return rule.pattern === undefined ? [() => false] : [eventMatch('content.body', rule.pattern)];
  if (kind === 'room') return [({ event }) => event['room_id'] === rule.ruleId];
  if (kind === 'sender') return [({ event }) => event['sender'] === rule.ruleId];
  return rule.conditions.map(whenFirstAsked);
}

/** Most conditions of a rule are never looked at: the one before them does not hold. */
function whenFirstAsked(condition: JsonObject): Condition {
  let compiled: Condition | undefined;
  return (pushed, user) => (compiled ??= compileCondition(condition))(pushed, user);
}
