import type { RoomId } from '../identifiers.ts';
import type { JsonObject } from '../../util/json.ts';
import type { UserPushRule } from './ruleset.ts';

/** A rule for the room that replaces another, and the rule for that other which it is to follow. */
export interface ReplacementRule {
  readonly rule: UserPushRule;
  readonly afterRuleId: string;
}

const MAX_RULE_ID_BYTES = 255;

/**
 * What a user has to be given so that what they wished for one room, by its own rule or by a condition on `room_id`, holds
 * in the room that replaces it. Rules that are there already are left as they are.
 * https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
export function listReplacementRules(
  written: readonly UserPushRule[],
  from: RoomId,
  to: RoomId,
): readonly ReplacementRule[] {
  const names = new Set(written.map(nameOf));
  return written.flatMap((rule): ReplacementRule[] => {
    const isAbout = (condition: JsonObject): boolean =>
      condition['kind'] === 'event_match' && condition['key'] === 'room_id' && condition['pattern'] === from;
    const isOfRoom = rule.kind === 'room' && rule.ruleId === from;
    if (!isOfRoom && !rule.conditions.some(isAbout)) return [];
    const conditions = rule.conditions.map((one) => (isAbout(one) ? { ...one, pattern: to } : one));
    const ruleId = rule.ruleId.includes(from) ? rule.ruleId.replaceAll(from, to) : to;
    const replacement = { ...rule, ruleId, conditions };
    const name = nameOf(replacement);
    if (names.has(name) || !isRuleId(ruleId)) return [];
    names.add(name);
    return [{ rule: replacement, afterRuleId: rule.ruleId }];
  });
}

function nameOf(rule: UserPushRule): string {
  return `${rule.kind} ${rule.ruleId}`;
}

/** Room ids may hold what the ids of rules may not. */
function isRuleId(text: string): boolean {
  return !/[/\\]/.test(text) && Buffer.byteLength(text) <= MAX_RULE_ID_BYTES;
}
