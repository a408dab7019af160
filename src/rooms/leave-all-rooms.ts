import { MatrixError } from '../matrix/errors.ts';
import { listEndedMembers, listRoomsOfUser } from '../storage/memberships.ts';
import type { Log } from '../util/log.ts';
import { leave, type Actor, type MembershipDeps } from './membership.ts';

export interface LeaveAllDeps extends MembershipDeps {
  readonly log: Log;
}

/**
 * Takes users out of their rooms whose account has ended while the server did not come to do it: it was killed in between,
 * or a room refused. Throws when the database is lost.
 */
export async function leaveRoomsOfEnded(deps: LeaveAllDeps): Promise<void> {
  for (const actor of await listEndedMembers(deps.db)) await leaveAllRooms(deps, actor);
}

/**
 * Takes a user out of every room that they are in, were invited to or knock at: what others see of an account that
 * ended. A room that refuses keeps its member; doing it again does what was cut short. Throws when the database is lost.
 */
export async function leaveAllRooms(deps: LeaveAllDeps, actor: Actor): Promise<void> {
  const rooms = await listRoomsOfUser(deps.db, actor.userNid);
  for (const { roomId, membership } of rooms) {
    if (membership === 'leave' || membership === 'ban') continue;
    try {
      await leave(deps, actor, roomId, undefined);
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      deps.log.info({ roomId, reason: error.message }, 'a room does not let a deactivated user leave');
    }
  }
}
