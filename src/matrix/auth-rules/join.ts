import { parseUserId, type UserId } from '../identifiers.ts';
import { creatorsOf, type Membership, membershipOf } from '../power-levels.ts';
import type { RoomVersionRules } from '../room-version.ts';
import type { AuthCheck } from './auth-check.ts';
import { joinRuleIn } from './join-rule.ts';
import { ALLOWED, type AuthVerdict, levelInWords, refuse } from './verdict.ts';

/** Rule 5.3: joining. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export function checkJoin(check: AuthCheck, target: UserId): AuthVerdict {
  const { event, state, rules } = check;

  // 5.3.1 The creator's join right after the create event: there are no join rules yet.
  if (isFirstJoin(check, target)) return ALLOWED;

  // 5.3.2 Nobody joins another.
  if (event.sender !== target) return refuse(`${event.sender} cannot join ${target} to the room`);

  // 5.3.3 Who is banned stays out.
  const membership = membershipOf(state, target);
  if (membership === 'ban') return refuse(`${target} is banned from the room`);

  // 5.3.6 Anybody may join a public room.
  const joinRule = joinRuleIn(state);
  if (joinRule === 'public') return ALLOWED;

  // 5.3.4 invite, since v7 knock: with an invite, or joined already.
  // 5.3.5 Since v8 restricted, since v10 knock_restricted: the same, or let in by a member's server.
  const invited = membership === 'invite' || membership === 'join';
  const restricted = isRestricted(joinRule, rules);
  if (restricted || joinRule === 'invite' || (joinRule === 'knock' && rules.knocking)) {
    if (invited) return ALLOWED;
    return restricted ? checkAuthoriser(check) : refuse(notInvited(target, joinRule, membership));
  }

  // 5.3.7 A join rule that the room version does not know lets nobody in, invited or not.
  return refuse(
    `the join rule ${JSON.stringify(joinRule)} lets nobody join in room version ${rules.version}`,
  );
}

/** The only previous event is the create event, and the target its (first) creator. */
function isFirstJoin({ event, create, rules }: AuthCheck, target: UserId): boolean {
  return (
    event.prevEvents.length === 1 &&
    event.prevEvents[0] === create.eventId &&
    creatorsOf(create, rules)[0] === target
  );
}

function isRestricted(joinRule: string, rules: RoomVersionRules): boolean {
  if (joinRule === 'restricted') return rules.restrictedJoins;
  return joinRule === 'knock_restricted' && rules.knockRestrictedJoins;
}

/** 5.3.5.2 The user who lets the joiner in must be joined and able to invite. */
function checkAuthoriser({ event, state, levels }: AuthCheck): AuthVerdict {
  const named = event.content['join_authorised_via_users_server'];
  if (named === undefined)
    return refuse(`${event.sender} is not invited, and the join names no member who lets them in`);
  const authoriser = parseUserId(named);
  if (authoriser === undefined) {
    return refuse(`join_authorised_via_users_server is ${JSON.stringify(named)}, which is no user id`);
  }
  const membership = membershipOf(state, authoriser);
  if (membership !== 'join') {
    return refuse(
      `${authoriser}, who lets ${event.sender} in, is not joined (membership: ${membership ?? 'none'})`,
    );
  }
  const level = levels.userLevel(authoriser);
  if (level >= levels.invite) return ALLOWED;
  return refuse(
    `power level ${levelInWords(level)} of ${authoriser} is below the ${levels.invite} required to invite`,
  );
}

function notInvited(target: UserId, joinRule: string, membership: Membership | undefined): string {
  return `${target} is not invited, which the join rule ${joinRule} asks for (membership: ${membership ?? 'none'})`;
}
