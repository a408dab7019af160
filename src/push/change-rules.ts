import { invalidParam, notFound, unknownError } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { checkNewRuleId } from '../matrix/push-rules/parse-rule.ts';
import { pushRulesContent, type PushRule, type PushRuleKind } from '../matrix/push-rules/push-rule.ts';
import { findPushRule, isDefaultRuleId, MOST_USER_RULES } from '../matrix/push-rules/ruleset.ts';
import { putAccountData } from '../storage/account-data.ts';
import { allotPositions, inTransaction, type Tx } from '../storage/database.ts';
import {
  changeDefaultPushRule,
  countUserPushRules,
  deleteUserPushRule,
  findPushRuleset,
  listUserPushRules,
  orderPushRules,
  putUserPushRule,
  type PushRuleOwner,
  type RulesetDeps,
} from '../storage/push-rules.ts';
import type { StreamHub } from '../storage/stream-hub.ts';

export interface PushRuleDeps extends RulesetDeps {
  readonly hub: Pick<StreamHub, 'announce'>;
}

/** Which rule is meant. */
export interface PushRuleName {
  readonly kind: PushRuleKind;
  readonly ruleId: string;
}

/** What a user writes into a rule, and next to which of their rules it is to stand. */
export interface PushRuleWish extends Pick<PushRule, 'conditions' | 'pattern' | 'actions'> {
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** One rule of a user. Throws 404 M_NOT_FOUND. */
export async function getPushRule(
  deps: RulesetDeps,
  owner: PushRuleOwner,
  name: PushRuleName,
): Promise<PushRule> {
  const rule = findPushRule(await findPushRuleset(deps, owner), name.kind, name.ruleId);
  if (rule === undefined) throw noSuchRule(name);
  return rule;
}

/**
 * Makes a rule or writes over it. A new one is enabled and stands first in its kind; one that is there keeps both,
 * unless the wish says where it is to stand. Throws 400 M_INVALID_PARAM for an id that is not for users and M_UNKNOWN
 * when there is no rule to stand next to, or too many of them.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid
 */
export async function putPushRule(
  deps: PushRuleDeps,
  owner: PushRuleOwner,
  name: PushRuleName,
  wish: PushRuleWish,
): Promise<void> {
  checkNewRuleId(name.ruleId);
  if (name.kind === 'postcontent')
    throw invalidParam('Rules of the kind postcontent are those of the server');
  await changeRules(deps, owner, async (tx) => {
    const { kind, ruleId } = name;
    const rules = await listUserPushRules(tx, owner.userNid, kind);
    const known = rules.find((rule) => rule.ruleId === ruleId);
    if (known === undefined && (await countUserPushRules(tx, owner.userNid)) >= MOST_USER_RULES)
      throw unknownError(`There cannot be more than ${MOST_USER_RULES} push rules`);
    const ruleIds = rules.map((rule) => rule.ruleId);
    const order = placeRule(ruleIds, ruleId, wish);
    const { conditions, pattern, actions } = wish;
    const enabled = known?.enabled ?? true;
    await putUserPushRule(tx, owner.userNid, { kind, ruleId, enabled, conditions, pattern, actions });
    await orderPushRules(tx, owner.userNid, kind, order);
  });
}

/** Removes a rule that the user wrote. Throws 404 M_NOT_FOUND, also for the rules that everybody has. */
export async function removePushRule(
  deps: PushRuleDeps,
  owner: PushRuleOwner,
  name: PushRuleName,
): Promise<void> {
  await changeRules(deps, owner, async (tx) => {
    if (!(await deleteUserPushRule(tx, owner.userNid, name.kind, name.ruleId))) throw noSuchRule(name);
  });
}

/** Enables or disables any rule, or gives it other actions. Throws 404 M_NOT_FOUND. */
export async function adjustPushRule(
  deps: PushRuleDeps,
  owner: PushRuleOwner,
  name: PushRuleName,
  change: Partial<Pick<PushRule, 'enabled' | 'actions'>>,
): Promise<void> {
  await changeRules(deps, owner, async (tx) => {
    const rule = await getPushRule({ ...deps, db: tx }, owner, name);
    if (isDefaultRuleId(name.ruleId)) {
      const { enabled, actions } = change;
      await changeDefaultPushRule(tx, owner.userNid, { ...name, enabled, actions });
    } else {
      await putUserPushRule(tx, owner.userNid, { ...rule, kind: name.kind, ...change });
    }
  });
}

/** Changes rules and, in the same transaction, the account data by which the user's clients learn of it. */
async function changeRules(
  deps: PushRuleDeps,
  owner: { readonly userNid: number; readonly userId: UserId },
  change: (tx: Tx) => Promise<void>,
): Promise<void> {
  const position = await inTransaction(deps.db, async (tx) => {
    const allotted = await allotPositions(tx, 1);
    await change(tx);
    const content = JSON.stringify(pushRulesContent(await findPushRuleset({ ...deps, db: tx }, owner)));
    const key = { userNid: owner.userNid, roomNid: undefined, type: 'm.push_rules' };
    await putAccountData(tx, key, content, allotted);
    return allotted;
  });
  deps.hub.announce({ position, roomNids: [], userNids: [owner.userNid] });
}

/** The order of rules with one of them put where it is wanted; `before` counts where both are given. */
function placeRule(
  ruleIds: readonly string[],
  ruleId: string,
  { before, after }: Pick<PushRuleWish, 'before' | 'after'>,
): readonly string[] {
  const others = ruleIds.filter((id) => id !== ruleId);
  const neighbour = before ?? after;
  if (neighbour === undefined) return ruleIds.includes(ruleId) ? ruleIds : [ruleId, ...others];
  // Throws for either of them that is not there.
  const [beforeAt, afterAt] = [before, after].map((id) => placeOf(others, id));
  return others.toSpliced(beforeAt ?? (afterAt ?? 0) + 1, 0, ruleId);
}

function placeOf(ruleIds: readonly string[], ruleId: string | undefined): number | undefined {
  if (ruleId === undefined) return undefined;
  const at = ruleIds.indexOf(ruleId);
  if (at === -1) throw unknownError(`before/after rule not found: ${ruleId}`);
  return at;
}

function noSuchRule({ kind, ruleId }: PushRuleName) {
  return notFound(`There is no ${kind} push rule ${JSON.stringify(ruleId)}`);
}
