import { listEventsByNid } from '../storage/events.ts';
import type { SyncScope } from './provider.ts';
import type { Standing } from './standings.ts';

/**
 * The invitations without those of users whom the viewer ignores.
 * https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-12
 */
export async function withoutIgnoredInvites(
  scope: SyncScope,
  invites: readonly Standing[],
): Promise<readonly Standing[]> {
  if (invites.length === 0) return invites;
  const { deps, viewer } = scope;
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  if (ignored.size === 0) return invites;
  const events = await listEventsByNid(
    deps.db,
    invites.map((invite) => invite.eventNid),
  );
  const unwanted = new Set(
    events.filter((event) => ignored.has(event.senderNid)).map((event) => event.eventNid),
  );
  return invites.filter((invite) => !unwanted.has(invite.eventNid));
}
