import type { UserId } from '../identifiers.ts';
import { membershipOf } from '../power-levels.ts';
import type { AuthCheck } from './auth-check.ts';
import { checkThirdPartyInvite } from './third-party-invite.ts';
import { type AuthVerdict, checkLevel, refuse } from './verdict.ts';

/** Rule 5.4: inviting. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export function checkInvite(check: AuthCheck, target: UserId): AuthVerdict {
  const { event, state, levels } = check;

  // 5.4.1 An invite by third party was authorised when its token was sent.
  const invite = event.content['third_party_invite'];
  if (invite !== undefined) return checkThirdPartyInvite(check, target, invite);

  // 5.4.2 Members invite.
  const membership = membershipOf(state, event.sender);
  if (membership !== 'join') {
    return refuse(`${event.sender} is not joined and cannot invite (membership: ${membership ?? 'none'})`);
  }

  // 5.4.3 Not those who are in the room or banned from it; an invite may be repeated.
  const targetMembership = membershipOf(state, target);
  if (targetMembership === 'join' || targetMembership === 'ban') {
    return refuse(`${target} cannot be invited (membership: ${targetMembership})`);
  }

  // 5.4.4 It asks for the invite level.
  return checkLevel(levels.userLevel(event.sender), levels.invite, 'to invite');
}
