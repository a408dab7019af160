import type { UserId } from '../identifiers.ts';
import { membershipOf } from '../power-levels.ts';
import type { AuthCheck } from './auth-check.ts';
import { ALLOWED, type AuthVerdict, checkLevel, levelInWords, refuse } from './verdict.ts';

/**
 * Rule 5.5: to leave, to be kicked, to be unbanned.
 * https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 */
export function checkLeave(check: AuthCheck, target: UserId): AuthVerdict {
  const { event, state, levels } = check;

  // 5.5.1 Users leave by themselves from join and invite, and since v7 take a knock back.
  if (event.sender === target) return checkOwnLeave(check, target);

  // 5.5.2 Others are removed by members.
  const refusal = refuseUnlessJoined(check, 'remove');
  if (refusal !== undefined) return refusal;

  // 5.5.3 An unban asks for the ban level, beside the kick level below.
  const senderLevel = levels.userLevel(event.sender);
  if (membershipOf(state, target) === 'ban' && senderLevel < levels.ban) {
    return checkLevel(senderLevel, levels.ban, 'to unban');
  }

  // 5.5.4 A kick asks for the kick level, and for more power than the target has.
  if (senderLevel < levels.kick) return checkLevel(senderLevel, levels.kick, 'to kick');
  return checkAbove(check, target, senderLevel);
}

/** Rule 5.6: to ban. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export function checkBan(check: AuthCheck, target: UserId): AuthVerdict {
  const { event, levels } = check;

  // 5.6.1 Members ban.
  const refusal = refuseUnlessJoined(check, 'ban');
  if (refusal !== undefined) return refusal;

  // 5.6.2 It asks for the ban level, and for more power than the target has.
  const senderLevel = levels.userLevel(event.sender);
  if (senderLevel < levels.ban) return checkLevel(senderLevel, levels.ban, 'to ban');
  return checkAbove(check, target, senderLevel);
}

function checkOwnLeave({ state, rules }: AuthCheck, target: UserId): AuthVerdict {
  const membership = membershipOf(state, target);
  if (membership === 'join' || membership === 'invite') return ALLOWED;
  if (membership === 'knock' && rules.knocking) return ALLOWED;
  return refuse(`${target} has nothing to leave (membership: ${membership ?? 'none'})`);
}

function refuseUnlessJoined({ event, state }: AuthCheck, verb: string): AuthVerdict | undefined {
  const membership = membershipOf(state, event.sender);
  if (membership === 'join') return undefined;
  return refuse(
    `${event.sender} is not joined and cannot ${verb} others (membership: ${membership ?? 'none'})`,
  );
}

/** Peers of equal power cannot touch each other. */
function checkAbove({ levels }: AuthCheck, target: UserId, senderLevel: number): AuthVerdict {
  const targetLevel = levels.userLevel(target);
  if (targetLevel < senderLevel) return ALLOWED;
  return refuse(
    `sender's power level ${levelInWords(senderLevel)} is not above the ${levelInWords(targetLevel)} of ${target}`,
  );
}
