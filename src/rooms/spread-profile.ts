import { memberSlot } from '../matrix/power-levels.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { findMembership } from '../storage/memberships.ts';
import type { Log } from '../util/log.ts';
import { clientIntent } from './client-intent.ts';
import { listJoinedRooms, type Actor, type MembershipDeps } from './membership.ts';

export interface SpreadProfileDeps extends MembershipDeps {
  readonly log: Log;
}

const ROOMS_AT_ONCE = 20;
const MOST_TRIES = 5;

/**
 * Writes the user's profile into their member event in every room that they are in. Rooms that refuse it keep what they
 * have, and a room that the user leaves meanwhile is not joined again. Nothing is written where nothing changes, so that
 * doing it again mends what was cut short. Throws, when all rooms were tried, if the database was lost.
 * https://spec.matrix.org/v1.19/client-server-api/#events-on-change-of-profile-information
 */
export async function spreadProfile(deps: SpreadProfileDeps, actor: Actor): Promise<void> {
  const waiting = await listJoinedRooms(deps, actor);
  const failures: unknown[] = [];
  while (waiting.length > 0) {
    const results = await Promise.allSettled(
      waiting.splice(0, ROOMS_AT_ONCE).map((roomId) => updateMember(deps, actor, roomId)),
    );
    for (const result of results) if (result.status === 'rejected') failures.push(result.reason);
  }
  if (failures.length > 0) throw failures[0];
}

async function updateMember(deps: SpreadProfileDeps, actor: Actor, roomId: RoomId): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const current = await findMembership(deps.db, roomId, actor.userNid);
    if (current?.membership !== 'join') return;
    // Read anew each time: of two changes at once, the later one must win in every room.
    const profile = await deps.memberProfile(actor.userId);
    const event = {
      type: 'm.room.member',
      stateKey: actor.userId,
      content: { ...profile, membership: 'join' },
    };
    const outcome = await deps.pipeline.submit({
      roomId,
      intents: [clientIntent(deps, actor.userId, event, { senderState: actor.accountState })],
      onlyWhile: { slot: memberSlot(actor.userId), eventId: current.eventId },
    });
    if (outcome.kind === 'refused')
      deps.log.info({ roomId, reason: outcome.error.message }, 'a room does not take a new profile');
    if (outcome.kind !== 'future-gone') return;
  }
}
