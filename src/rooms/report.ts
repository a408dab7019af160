import { notFound } from '../matrix/errors.ts';
import type { EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import { findMembership } from '../storage/memberships.ts';
import { insertReport, type Reported } from '../storage/reports.ts';
import { findUserNid } from '../storage/users.ts';
import type { RenderDeps, Viewer } from './client-events.ts';
import { getVisibleEvent } from './read-context.ts';
import { requireKnownRoom } from './room-preview.ts';

export type ReportDeps = RenderDeps;

/**
 * Keeps that somebody finds an event inappropriate. Throws 404 M_NOT_FOUND for who is not in the room, and for events
 * that they cannot see. https://spec.matrix.org/v1.19/client-server-api/#reporting-content
 */
export async function reportEvent(
  deps: ReportDeps,
  reporter: Viewer,
  event: { readonly roomId: RoomId; readonly eventId: EventId },
  reason: string,
): Promise<void> {
  const { roomId, eventId } = event;
  const membership = await findMembership(deps.db, roomId, reporter.userNid);
  if (membership?.membership !== 'join') throw notFound('You are not in a room that has the event.');
  await getVisibleEvent(deps, reporter, roomId, eventId);
  await keep(deps, reporter, { kind: 'event', roomId, eventId }, reason);
}

/**
 * Keeps that somebody finds a room inappropriate, in it or not. Throws 404 M_NOT_FOUND for rooms that are not known here, or
 * not to them.
 */
export async function reportRoom(
  deps: ReportDeps,
  reporter: Viewer,
  roomId: RoomId,
  reason: string,
): Promise<void> {
  await requireKnownRoom(deps, reporter, roomId);
  await keep(deps, reporter, { kind: 'room', roomId }, reason);
}

/** Keeps that somebody finds a user inappropriate. Throws 404 M_NOT_FOUND for users of whom nothing is known here. */
export async function reportUser(
  deps: ReportDeps,
  reporter: Viewer,
  userId: UserId,
  reason: string,
): Promise<void> {
  if ((await findUserNid(deps.db, userId)) === undefined) throw notFound('The user is not known here.');
  await keep(deps, reporter, { kind: 'user', userId }, reason);
}

function keep(deps: ReportDeps, reporter: Viewer, reported: Reported, reason: string): Promise<void> {
  const reportedTs = deps.clock.nowMs();
  return insertReport(deps.db, { reporterNid: reporter.userNid, reported, reason, reportedTs });
}
