import { forbidden } from '../matrix/errors.ts';
import { historyVisibilityIn } from '../matrix/history-visibility.ts';
import { membershipIn } from '../matrix/power-levels.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { listMembershipsIn } from '../storage/membership-reading.ts';
import { findMembership } from '../storage/memberships.ts';
import { findRoomNid } from '../storage/rooms.ts';
import { listReplacedChain, type ChainLink } from '../storage/state-events.ts';
import { isJsonObject } from '../util/json.ts';
import { readableEvent, type Viewer } from './client-events.ts';
import {
  currentStateOf,
  findStateEvent,
  stateAt,
  type RoomReadDeps,
  type StateChoice,
} from './read-state.ts';

/** From where a user may look into a room. */
export type RoomAccess =
  | { readonly kind: 'member'; readonly roomNid: number }
  /** Was in the room; sees it as it was when `departure`, their leave or ban, ended that. */
  | { readonly kind: 'departed'; readonly roomNid: number; readonly departure: StoredEvent }
  /** Was never in the room, which anyone may read. */
  | { readonly kind: 'peeking'; readonly roomNid: number };

/**
 * How the user may look into the room. Throws 403 M_FORBIDDEN for who may not, and for rooms that are not known here:
 * which of the two it is, is nobody's business.
 */
export async function requireRoomAccess(
  deps: RoomReadDeps,
  roomId: RoomId,
  viewer: Pick<Viewer, 'userId' | 'userNid'>,
): Promise<RoomAccess> {
  const membership = await findMembership(deps.db, roomId, viewer.userNid);
  if (membership?.membership === 'join') return { kind: 'member', roomNid: membership.roomNid };
  if (membership !== undefined && !membership.forgotten) {
    const departure = await findDeparture(deps, membership.eventNid);
    if (departure !== undefined) return { kind: 'departed', roomNid: membership.roomNid, departure };
  }
  const roomNid = membership?.roomNid ?? (await findRoomNid(deps.db, roomId));
  if (roomNid !== undefined && (await isWorldReadable(deps, roomNid))) return { kind: 'peeking', roomNid };
  throw forbidden(`${viewer.userId} is not in the room.`);
}

/** Throws 403 M_FORBIDDEN unless the user is in the room; the answer is its interned id. */
export async function requireJoined(
  deps: Pick<RoomReadDeps, 'db'>,
  roomId: RoomId,
  viewer: Pick<Viewer, 'userId' | 'userNid'>,
): Promise<number> {
  const membership = await findMembership(deps.db, roomId, viewer.userNid);
  if (membership?.membership === 'join') return membership.roomNid;
  throw forbidden(`${viewer.userId} is not in the room.`);
}

/** The state that somebody with this access sees as the room's. */
export function stateSeenWith(access: RoomAccess): StateChoice {
  const root = access.kind === 'departed' ? access.departure.stateAfter : undefined;
  return root === undefined ? currentStateOf(access.roomNid) : stateAt(root);
}

/** The last position that somebody with this access may read. */
export function lastPositionSeenWith(access: RoomAccess): number {
  return access.kind === 'departed' ? (access.departure.position ?? 0) : Number.MAX_SAFE_INTEGER;
}

/** By room, the last position that a user may read there, for rooms that they were in and are not any more. */
export async function findLastPositionsSeen(
  deps: Pick<RoomReadDeps, 'db'>,
  roomNids: readonly number[],
  userNid: number,
): Promise<ReadonlyMap<number, number>> {
  const last = new Map<number, number>();
  for (const { roomNid, membership, eventNid } of await listMembershipsIn(
    deps.db,
    [...new Set(roomNids)],
    userNid,
  )) {
    if (membership === 'join') continue;
    const departure = await findDeparture(deps, eventNid);
    if (departure?.position !== undefined) last.set(roomNid, departure.position);
  }
  return last;
}

/** Whether people who are not in the room may read it now. */
export async function isWorldReadable(deps: RoomReadDeps, roomNid: number): Promise<boolean> {
  const event = await findStateEvent(deps, currentStateOf(roomNid), 'm.room.history_visibility', '');
  return event !== undefined && historyVisibilityIn(readableEvent(event).event.content) === 'world_readable';
}

/**
 * The event that ended the last join of somebody whose membership is now the event `eventNid`, which may have come later:
 * after a leave may be a ban, or another invite. undefined for who never joined.
 */
async function findDeparture(
  deps: Pick<RoomReadDeps, 'db'>,
  eventNid: number,
): Promise<StoredEvent | undefined> {
  const chain = await listReplacedChain(deps.db, eventNid);
  const departure = chain[chain.findIndex((link) => membershipOf(link) === 'join') - 1];
  return departure === undefined ? undefined : (await listEventsByNid(deps.db, [departure.eventNid]))[0];
}

/** The membership that a link of a chain of member events stands for. */
export function membershipOf(link: ChainLink): string | undefined {
  const pdu: unknown = JSON.parse(link.json);
  const content = isJsonObject(pdu) ? pdu['content'] : undefined;
  return isJsonObject(content) ? membershipIn(content) : undefined;
}
