import type { UserId } from '../identifiers.ts';
import { membershipOf } from '../power-levels.ts';
import type { AuthCheck } from './auth-check.ts';
import { joinRuleIn } from './join-rule.ts';
import { ALLOWED, type AuthVerdict, refuse } from './verdict.ts';

/** Rule 5.7, since v7: knocking. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export function checkKnock({ event, state, rules }: AuthCheck, target: UserId): AuthVerdict {
  // 5.7.1 The join rule is knock, or since v10 knock_restricted.
  const joinRule = joinRuleIn(state);
  const open = joinRule === 'knock' || (joinRule === 'knock_restricted' && rules.knockRestrictedJoins);
  if (!open) return refuse(`the join rule ${JSON.stringify(joinRule)} does not let users knock`);

  // 5.7.2 Nobody knocks for another.
  if (event.sender !== target) return refuse(`${event.sender} cannot knock for ${target}`);

  // 5.7.3 Not from ban, invite or join; to knock again is allowed.
  const membership = membershipOf(state, target);
  if (membership !== 'ban' && membership !== 'invite' && membership !== 'join') return ALLOWED;
  return refuse(`${target} cannot knock (membership: ${membership})`);
}
