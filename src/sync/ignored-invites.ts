import { readableEvent } from '../rooms/client-events.ts';
import { listEventsByNid } from '../storage/events.ts';
import { loadInvitePermissions } from '../storage/invite-permissions.ts';
import { findNoticeRoom } from '../storage/server-notices.ts';
import type { SyncScope } from './provider.ts';
import type { Standing } from './standings.ts';

/**
 * The invitations without those of users whom the viewer ignores, or from whom they want none; what the server has to say
 * is not for them to decide. https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-12 and
 * https://spec.matrix.org/v1.19/client-server-api/#invite-permission
 */
export async function withoutIgnoredInvites(
  scope: SyncScope,
  invites: readonly Standing[],
): Promise<readonly Standing[]> {
  if (invites.length === 0) return invites;
  const { deps, viewer } = scope;
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  const permissions = await loadInvitePermissions(deps.db, [viewer.userId]);
  const noticeRoom = await findNoticeRoom(deps.db, viewer.userNid);
  const events = await listEventsByNid(
    deps.db,
    invites.map((invite) => invite.eventNid),
  );
  const unwanted = new Set(
    events
      .filter(
        (event) =>
          ignored.has(event.senderNid) ||
          (event.roomId !== noticeRoom &&
            permissions.of(viewer.userId, readableEvent(event).event.sender) !== 'allow'),
      )
      .map((event) => event.eventNid),
  );
  return invites.filter((invite) => !unwanted.has(invite.eventNid));
}
