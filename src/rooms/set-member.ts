import { parseUserId, type EventId, type RoomId } from '../matrix/identifiers.ts';
import { membershipIn } from '../matrix/power-levels.ts';
import { findMembership } from '../storage/memberships.ts';
import type { ClientEventInput } from './client-intent.ts';
import { submitJoin, type JoinDeps } from './join.ts';
import { refuseBlockedInvites } from './invite-permission.ts';
import { refuseToMissNotices } from './notice-invites.ts';
import { requireReachable, type Actor } from './membership.ts';
import { setState } from './send.ts';

/**
 * Sets an m.room.member event that a client wrote itself. What joins and invites ask for beside the auth rules holds here
 * as well. The answer is the event's id. Throws 400 M_BAD_JSON for what is no membership, and as joining, inviting and
 * sending do.
 */
export async function setMember(
  deps: JoinDeps,
  actor: Actor & { readonly isGuest: boolean },
  roomId: RoomId,
  event: ClientEventInput,
): Promise<EventId> {
  const membership = membershipIn(event.content);
  if (membership === 'join' && event.stateKey === actor.userId) {
    const current = await findMembership(deps.db, roomId, actor.userNid);
    const { content, originServerTs } = event;
    return submitJoin(deps, { roomId, actor, content, originServerTs }, current?.membership);
  }
  if (membership === 'leave' && event.stateKey === actor.userId)
    await refuseToMissNotices(deps, actor, roomId);
  const invitee = membership === 'invite' ? parseUserId(event.stateKey) : undefined;
  if (invitee !== undefined) {
    requireReachable(deps, invitee);
    await refuseBlockedInvites(deps, actor.userId, [invitee]);
  }
  return setState(deps, actor, roomId, event);
}
