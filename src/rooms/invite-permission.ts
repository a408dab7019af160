import { inviteBlocked } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { loadInvitePermissions } from '../storage/invite-permissions.ts';

/**
 * Throws 403 M_INVITE_BLOCKED when one of those who are to be invited does not want that from the inviter.
 * https://spec.matrix.org/v1.19/client-server-api/#invite-permission
 */
export async function refuseBlockedInvites(
  deps: { readonly db: Db },
  inviter: UserId,
  invitees: readonly UserId[],
): Promise<void> {
  if (invitees.length === 0) return;
  const permissions = await loadInvitePermissions(deps.db, invitees);
  const unwilling = invitees.find((invitee) => permissions.of(invitee, inviter) === 'block');
  if (unwilling !== undefined) throw inviteBlocked(`${unwilling} takes no invites from ${inviter}.`);
}
