import { JOIN_RULES_SLOT } from '../power-levels.ts';
import type { AuthState } from './verdict.ts';

/**
 * The room's join rule; `invite` when there is no m.room.join_rules or no rule in it, which the specification leaves
 * open and servers agree on. A rule that is not a string is told apart from every known one.
 */
export function joinRuleIn(state: AuthState): string {
  const rule = state(JOIN_RULES_SLOT)?.content['join_rule'];
  if (rule === undefined) return 'invite';
  return typeof rule === 'string' ? rule : JSON.stringify(rule);
}
