import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { PredefinedRules } from '../matrix/push-rules/default-rules.ts';
import {
  parsePushRuleKind,
  readRuleParts,
  type PushRuleKind,
  type PushRuleset,
} from '../matrix/push-rules/push-rule.ts';
import {
  composePushRuleset,
  type DefaultRuleChange,
  type UserPushRule,
} from '../matrix/push-rules/ruleset.ts';
import { groupBy } from '../util/group-by.ts';
import { isJsonArray, type JsonValue } from '../util/json.ts';
import type { Db, Tx } from './database.ts';

export interface PushRuleTable {
  readonly user_nid: number;
  readonly kind: string;
  readonly rule_id: string;
  readonly rank: number;
  readonly enabled: boolean;
  /** JSON text. */
  readonly rule: string;
}

export interface PushRuleDefaultTable {
  readonly user_nid: number;
  readonly kind: string;
  readonly rule_id: string;
  readonly enabled: boolean | null;
  /** JSON text. */
  readonly actions: string | null;
}

export interface PushRuleTables {
  push_rules: PushRuleTable;
  push_rule_defaults: PushRuleDefaultTable;
}

/** Whose rules: the id stands in some of them. */
export interface PushRuleOwner {
  readonly userNid: number;
  readonly userId: UserId;
}

/** What reading all rules of a user takes. */
export interface RulesetDeps extends PredefinedRules {
  readonly db: Db;
}

/** All push rules of a user, those that every user has among them. */
export async function findPushRuleset(deps: RulesetDeps, owner: PushRuleOwner): Promise<PushRuleset> {
  const own = (await listPushRulesets(deps, [owner])).get(owner.userNid);
  if (own === undefined) throw new Error('every user has push rules');
  return own.ruleset;
}

/** All push rules of a user. */
export interface OwnPushRuleset {
  readonly ruleset: PushRuleset;
  /** Whether they are not just those that everybody has. */
  readonly isChanged: boolean;
}

/** All push rules of each of many users, by interned id, in two queries. */
export async function listPushRulesets(
  deps: RulesetDeps,
  owners: readonly PushRuleOwner[],
): Promise<Map<number, OwnPushRuleset>> {
  const { db } = deps;
  const userNids = owners.map((owner) => owner.userNid);
  const [writtenBy, changedBy] = await Promise.all([
    listWritten(db, userNids),
    listDefaultChanges(db, userNids),
  ]);
  return new Map(
    owners.map(({ userNid, userId }) => {
      const [written, changes] = [writtenBy.get(userNid) ?? [], changedBy.get(userNid) ?? []];
      const ruleset = composePushRuleset(userId, written, changes, deps);
      return [userNid, { ruleset, isChanged: written.length > 0 || changes.length > 0 }];
    }),
  );
}

/** The rules of a kind that a user wrote, in their order. */
export async function listUserPushRules(
  db: Db,
  userNid: number,
  kind: PushRuleKind,
): Promise<UserPushRule[]> {
  return (await listAllUserPushRules(db, userNid)).filter((rule) => rule.kind === kind);
}

/** All rules that a user wrote: those of a kind in their order. */
export async function listAllUserPushRules(db: Db, userNid: number): Promise<readonly UserPushRule[]> {
  return (await listWritten(db, [userNid])).get(userNid) ?? [];
}

/** How many rules a user wrote. */
export async function countUserPushRules(db: Db, userNid: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from push_rules where user_nid = ${userNid}`.execute(db);
  return rows[0]?.count ?? 0;
}

/** Writes a rule, at any place: {@link orderPushRules} says where it stands. */
export async function putUserPushRule(tx: Tx, userNid: number, rule: UserPushRule): Promise<void> {
  const { conditions, pattern, actions } = rule;
  const text = JSON.stringify({ conditions, pattern, actions });
  await sql`
    insert into push_rules (user_nid, kind, rule_id, rank, enabled, rule)
    values (${userNid}, ${rule.kind}, ${rule.ruleId}, 0, ${rule.enabled}, ${text})
    on conflict (user_nid, kind, rule_id) do update set enabled = excluded.enabled, rule = excluded.rule`.execute(
    tx,
  );
}

/** Puts the rules of a kind into this order; `ruleIds` are all that the user wrote. */
export async function orderPushRules(
  tx: Tx,
  userNid: number,
  kind: PushRuleKind,
  ruleIds: readonly string[],
): Promise<void> {
  await sql`
    update push_rules r set rank = wanted.rank
    from unnest(${ruleIds}::text[]) with ordinality as wanted (rule_id, rank)
    where r.user_nid = ${userNid} and r.kind = ${kind} and r.rule_id = wanted.rule_id and r.rank <> wanted.rank`.execute(
    tx,
  );
}

/** Removes a rule that the user wrote; false when there was none. */
export async function deleteUserPushRule(
  tx: Tx,
  userNid: number,
  kind: PushRuleKind,
  ruleId: string,
): Promise<boolean> {
  const { rows } = await sql`
    delete from push_rules where user_nid = ${userNid} and kind = ${kind} and rule_id = ${ruleId}
    returning 1`.execute(tx);
  return rows.length > 0;
}

/** Changes a rule that every user has, for one of them; what is undefined stays as it is. */
export async function changeDefaultPushRule(
  tx: Tx,
  userNid: number,
  change: DefaultRuleChange,
): Promise<void> {
  const actions = change.actions === undefined ? null : JSON.stringify(change.actions);
  await sql`
    insert into push_rule_defaults as d (user_nid, kind, rule_id, enabled, actions)
    values (${userNid}, ${change.kind}, ${change.ruleId}, ${change.enabled ?? null}, ${actions})
    on conflict (user_nid, kind, rule_id) do update
    set enabled = coalesce(excluded.enabled, d.enabled), actions = coalesce(excluded.actions, d.actions)`.execute(
    tx,
  );
}

/** Removes all that a user did to their rules. */
export async function deletePushRulesOf(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from push_rules where user_nid = ${userNid}`.execute(tx);
  await sql`delete from push_rule_defaults where user_nid = ${userNid}`.execute(tx);
}

async function listWritten(
  db: Db,
  userNids: readonly number[],
): Promise<ReadonlyMap<number, readonly UserPushRule[]>> {
  const { rows } = await sql<PushRuleTable>`
    select user_nid, kind, rule_id, enabled, rule from push_rules where user_nid = any(${userNids}::bigint[])
    order by user_nid, kind, rank`.execute(db);
  return new Map([...groupBy(rows, ownerOf)].map(([userNid, own]) => [userNid, own.map(readWritten)]));
}

async function listDefaultChanges(
  db: Db,
  userNids: readonly number[],
): Promise<ReadonlyMap<number, readonly DefaultRuleChange[]>> {
  const { rows } = await sql<PushRuleDefaultTable>`
    select * from push_rule_defaults where user_nid = any(${userNids}::bigint[])`.execute(db);
  return new Map([...groupBy(rows, ownerOf)].map(([userNid, own]) => [userNid, own.map(readChange)]));
}

function ownerOf(row: { readonly user_nid: number }): number {
  return row.user_nid;
}

function readWritten(row: PushRuleTable): UserPushRule {
  const parsed: unknown = JSON.parse(row.rule);
  return {
    kind: requireKind(row.kind),
    ruleId: row.rule_id,
    enabled: row.enabled,
    ...readRuleParts(parsed),
  };
}

function readChange(row: PushRuleDefaultTable): DefaultRuleChange {
  return {
    kind: requireKind(row.kind),
    ruleId: row.rule_id,
    enabled: row.enabled ?? undefined,
    actions: row.actions === null ? undefined : readActions(row.actions),
  };
}

function readActions(text: string): readonly JsonValue[] {
  const actions: unknown = JSON.parse(text);
  return isJsonArray(actions) ? actions : [];
}

function requireKind(text: string): PushRuleKind {
  const kind = parsePushRuleKind(text);
  if (kind === undefined) throw new Error(`a stored push rule is of the unknown kind ${text}`);
  return kind;
}
