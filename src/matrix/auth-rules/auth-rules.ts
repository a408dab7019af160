import { findCreateEventId } from '../auth-events.ts';
import type { MatrixEvent } from '../event.ts';
import { serverNameOf } from '../identifiers.ts';
import { CREATE_SLOT, membershipOf, powerLevelsOf } from '../power-levels.ts';
import type { RoomVersionRules } from '../room-version.ts';
import type { AuthCheck } from './auth-check.ts';
import { checkCreate } from './create.ts';
import { checkMember } from './member.ts';
import { checkOwnedState } from './owned-state.ts';
import { checkPowerLevels } from './power-levels.ts';
import { checkRedaction } from './redaction.ts';
import { ALLOWED, type AuthState, type AuthVerdict, checkLevel, refuse } from './verdict.ts';

export { checkAuthEvents } from './cited-events.ts';
export type { AuthState, AuthVerdict } from './verdict.ts';

/**
 * Authorises `event` against one state: its auth events, the state before it, or the current state of the room.
 * Pure. Two rules are the caller's: signatures (also that of `join_authorised_via_users_server`), and the rule on
 * auth_events themselves, {@link checkAuthEvents}.
 * https://spec.matrix.org/v1.19/server-server-api/#authorisation-rules, numbers in comments are those of v12
 */
export function checkAuthRules(event: MatrixEvent, state: AuthState, rules: RoomVersionRules): AuthVerdict {
  // 1. A create event needs no state.
  if (event.type === 'm.room.create') return checkCreate(event, rules);

  const create = state(CREATE_SLOT);
  if (create === undefined) return refuse('the room has no m.room.create event');

  // 2. Since v12 the room id is the id of the create event.
  if (rules.roomIdIsCreateHash && create.eventId !== findCreateEventId(event.roomId)) {
    return refuse(`room ${event.roomId} is not the room that ${create.eventId} created`);
  }

  // 4. A room that does not federate is for users of the server whose user created it.
  if (create.content['m.federate'] === false && serverNameOf(event.sender) !== serverNameOf(create.sender)) {
    return refuse(
      `the room does not federate, and ${event.sender} is not a user of ${serverNameOf(create.sender)}`,
    );
  }

  // v1–v5: m.room.aliases belongs to a server, member of the room or not.
  if (event.type === 'm.room.aliases' && rules.specialAliasesAuth) return checkAliases(event);

  const check: AuthCheck = { event, state, rules, create, levels: powerLevelsOf(state, rules) };

  // 5. Memberships have rules of their own.
  return event.type === 'm.room.member' ? checkMember(check) : checkByMember(check);
}

/** v1–v5: the state key must be the domain of the sender. */
function checkAliases(event: MatrixEvent): AuthVerdict {
  if (event.stateKey === undefined) return refuse('m.room.aliases has no state_key');
  const serverName = serverNameOf(event.sender);
  if (event.stateKey === serverName) return ALLOWED;
  return refuse(
    `m.room.aliases of ${serverName} cannot have the state_key ${JSON.stringify(event.stateKey)}`,
  );
}

/** Rules 6 to 11: what only members of the room may send. */
function checkByMember(check: AuthCheck): AuthVerdict {
  const { event, state, rules, levels } = check;

  // 6. The sender must be joined.
  const membership = membershipOf(state, event.sender);
  if (membership !== 'join') {
    return refuse(`sender ${event.sender} is not joined to the room (membership: ${membership ?? 'none'})`);
  }

  // 7. Whoever may invite may also invite by third party; nothing else is asked.
  const senderLevel = levels.userLevel(event.sender);
  if (event.type === 'm.room.third_party_invite') {
    return checkLevel(senderLevel, levels.invite, 'to invite');
  }

  // 8. The sender's level must reach what the event type requires.
  const required = levels.requiredLevel(event.type, event.stateKey !== undefined);
  if (senderLevel < required) return checkLevel(senderLevel, required, `for ${event.type}`);

  // 9. State under a user id is that user's own.
  if (rules.ownedState) {
    const verdict = checkOwnedState(check, senderLevel);
    if (!verdict.allowed) return verdict;
  } else if (
    event.stateKey !== undefined &&
    event.stateKey.startsWith('@') &&
    event.stateKey !== event.sender
  ) {
    return refuse(`the state_key ${event.stateKey} is not the sender's own user id ${event.sender}`);
  }

  // 10. Changes of power levels.
  if (event.type === 'm.room.power_levels') return checkPowerLevels(check, senderLevel);

  // v1–v2: redactions. Later versions take the event and decide apart whether it redacts.
  if (event.type === 'm.room.redaction' && rules.redactionAuthRule) return checkRedaction(check, senderLevel);

  // 11. Otherwise, allow.
  return ALLOWED;
}
