import { parseUserId, type UserId } from '../identifiers.ts';
import type { AuthCheck } from './auth-check.ts';
import { checkInvite } from './invite.ts';
import { checkJoin } from './join.ts';
import { checkKnock } from './knock.ts';
import { checkBan, checkLeave } from './leave-and-ban.ts';
import { type AuthVerdict, refuse } from './verdict.ts';

/** Rule 5: memberships. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export function checkMember(check: AuthCheck): AuthVerdict {
  // 5.1 There must be someone whose membership it is, and a membership.
  const { content, stateKey } = check.event;
  if (stateKey === undefined) return refuse('m.room.member has no state_key');
  if (content['membership'] === undefined) return refuse('m.room.member has no membership');
  const target = parseUserId(stateKey);
  if (target === undefined)
    return refuse(`the state_key ${JSON.stringify(stateKey)} of m.room.member is no user id`);

  // 5.2, since v8: the signature of the server of join_authorised_via_users_server is checked with the signatures.
  return checkMembership(check, target);
}

function checkMembership(check: AuthCheck, target: UserId): AuthVerdict {
  const { membership } = check.event.content;
  switch (membership) {
    case 'join':
      return checkJoin(check, target);
    case 'invite':
      return checkInvite(check, target);
    case 'leave':
      return checkLeave(check, target);
    case 'ban':
      return checkBan(check, target);
    case 'knock':
      // Since v7.
      return check.rules.knocking ? checkKnock(check, target) : refuse('this room version has no knocking');
    default:
      // 5.8 Nothing else is a membership.
      return refuse(`${JSON.stringify(membership)} is not a membership`);
  }
}
