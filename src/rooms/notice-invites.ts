import { cannotLeaveServerNoticeRoom } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { findMembership } from '../storage/memberships.ts';
import { findNoticeRoom } from '../storage/server-notices.ts';
import type { Actor } from './membership.ts';

/**
 * Throws 403 M_CANNOT_LEAVE_SERVER_NOTICE_ROOM for a user who would turn down the invite to where the server tells them
 * something; who has joined may leave. https://spec.matrix.org/v1.19/client-server-api/#server-notices
 */
export async function refuseToMissNotices(
  deps: { readonly db: Db },
  actor: Pick<Actor, 'userNid'>,
  roomId: RoomId,
): Promise<void> {
  if ((await findNoticeRoom(deps.db, actor.userNid)) !== roomId) return;
  const current = await findMembership(deps.db, roomId, actor.userNid);
  if (current?.membership === 'invite')
    throw cannotLeaveServerNoticeRoom('The invite to the room of server notices cannot be turned down.');
}
