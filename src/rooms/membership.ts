import type { AccountState } from '../matrix/account-state.ts';
import type { Appservice } from '../matrix/appservices.ts';
import { forbidden, unknownError } from '../matrix/errors.ts';
import { serverNameOf, type RoomId, type UserId } from '../matrix/identifiers.ts';
import type { Membership } from '../matrix/power-levels.ts';
import type { Db } from '../storage/database.ts';
import { findMembership, forgetRoom, listRoomsOfUser } from '../storage/memberships.ts';
import { findUserNid } from '../storage/users.ts';
import type { JsonObject } from '../util/json.ts';
import { clientIntent, type IntentDeps } from './client-intent.ts';
import { refuseBlockedInvites } from './invite-permission.ts';
import { unlessStranger } from './closed-room.ts';
import { acceptedEvent } from './outcome.ts';
import type { Pipeline } from './pipeline.ts';

/** Who acts in a room. */
export interface Actor {
  readonly userId: UserId;
  readonly userNid: number;
  /** How their account is restricted; left out when the server itself acts in their name. */
  readonly accountState?: AccountState | undefined;
  /** The application service that acts for them, if one does. */
  readonly appservice?: Appservice | undefined;
}

/** What of a user's profile is written into their m.room.member events: `displayname` and `avatar_url`, where set. */
export type FindMemberProfile = (userId: UserId) => Promise<JsonObject>;

/** Called when a local user has come into a room, before they are told. */
export type OnJoined = (user: Actor, roomId: RoomId) => Promise<void>;

export interface MembershipDeps extends IntentDeps {
  readonly db: Db;
  readonly pipeline: Pick<Pipeline, 'submit'>;
  readonly memberProfile: FindMemberProfile;
}

/** Whom it is done to, and why. */
export interface MembershipChange {
  readonly roomId: RoomId;
  readonly userId: UserId;
  readonly reason: string | undefined;
}

/**
 * Invites a user. Throws 403 M_FORBIDDEN for who may not invite, for members, for banned users, and for users of other
 * servers, 403 M_INVITE_BLOCKED for who wants no invites, unless it is the server that invites. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite
 */
export async function invite(
  deps: MembershipDeps,
  actor: Actor,
  change: MembershipChange,
  options: { readonly isDirect?: boolean; readonly isByServer?: boolean } = {},
): Promise<void> {
  if (options.isByServer !== true) await refuseBlockedInvites(deps, actor.userId, [change.userId]);
  const content = await inviteContent(deps, change.userId, options);
  await setMembership(deps, actor, change, content);
}

/** The content of an invite. Throws 403 M_FORBIDDEN for users whom this server cannot reach. */
export async function inviteContent(
  deps: Pick<MembershipDeps, 'memberProfile' | 'serverName'>,
  invitee: UserId,
  options: { readonly isDirect?: boolean },
): Promise<JsonObject> {
  requireReachable(deps, invitee);
  const profile = await deps.memberProfile(invitee);
  return { ...profile, membership: 'invite', ...(options.isDirect === true ? { is_direct: true } : {}) };
}

/** Throws 403 M_FORBIDDEN for a user of another server: an invite would never arrive. */
export function requireReachable(deps: Pick<MembershipDeps, 'serverName'>, invitee: UserId): void {
  if (serverNameOf(invitee) !== deps.serverName)
    throw forbidden(`${invitee} is a user of another server, to which this one does not speak.`);
}

/**
 * Ends the user's own membership: leaves, turns an invite down, or takes a knock back. Leaving twice is as good as once.
 * Throws 403 M_FORBIDDEN for who has nothing to leave.
 */
export async function leave(
  deps: MembershipDeps,
  actor: Actor,
  roomId: RoomId,
  reason: string | undefined,
): Promise<void> {
  if ((await findCurrent(deps.db, roomId, actor.userId)) === 'leave') return;
  await setMembership(deps, actor, { roomId, userId: actor.userId, reason }, { membership: 'leave' });
}

/** Removes a user from the room. Throws 403 M_FORBIDDEN when they are not in it, or the actor may not. */
export async function kick(deps: MembershipDeps, actor: Actor, change: MembershipChange): Promise<void> {
  const membership = await findCurrent(deps.db, change.roomId, change.userId);
  if (membership === undefined || membership === 'leave' || membership === 'ban')
    throw await unlessStranger(
      deps,
      change.roomId,
      actor.userNid,
      forbidden(`${change.userId} is not in the room (membership: ${membership ?? 'none'}).`),
    );
  await setMembership(deps, actor, change, { membership: 'leave' });
}

/** Keeps a user out, whether or not they are in. Throws 403 M_FORBIDDEN when the actor may not. */
export async function ban(deps: MembershipDeps, actor: Actor, change: MembershipChange): Promise<void> {
  await setMembership(deps, actor, change, { membership: 'ban' });
}

/** Lifts a ban. Throws 403 M_FORBIDDEN when there is none, or the actor may not. */
export async function unban(deps: MembershipDeps, actor: Actor, change: MembershipChange): Promise<void> {
  const membership = await findCurrent(deps.db, change.roomId, change.userId);
  if (membership !== 'ban')
    throw await unlessStranger(
      deps,
      change.roomId,
      actor.userNid,
      forbidden(`${change.userId} is not banned (membership: ${membership ?? 'none'}).`),
    );
  await setMembership(deps, actor, change, { membership: 'leave' });
}

/**
 * Asks to be let in. Throws 403 M_FORBIDDEN where the room takes no knocks or the user is in it, invited or banned.
 * https://spec.matrix.org/v1.19/client-server-api/#knocking-on-rooms
 */
export async function knock(
  deps: MembershipDeps,
  actor: Actor,
  roomId: RoomId,
  reason: string | undefined,
): Promise<void> {
  const profile = await deps.memberProfile(actor.userId);
  const content = { ...profile, membership: 'knock' };
  await setMembership(deps, actor, { roomId, userId: actor.userId, reason }, content);
}

/**
 * Drops a room that the user has left from their history. Throws 400 M_UNKNOWN while they are in it or invited.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget
 */
export async function forget(deps: { readonly db: Db }, actor: Actor, roomId: RoomId): Promise<void> {
  const membership = await findMembership(deps.db, roomId, actor.userNid);
  const isForgotten =
    membership !== undefined && (await forgetRoom(deps.db, membership.roomNid, actor.userNid));
  if (!isForgotten) throw unknownError('Only a room that you have left can be forgotten.');
}

/** The rooms that the user is in. */
export async function listJoinedRooms(
  deps: { readonly db: Db },
  actor: Pick<Actor, 'userNid'>,
): Promise<RoomId[]> {
  const rooms = await listRoomsOfUser(deps.db, actor.userNid);
  return rooms.filter((room) => room.membership === 'join').map((room) => room.roomId);
}

/** What a user is in a room now, as far as the database knows; the pipeline decides on what holds when it decides. */
async function findCurrent(db: Db, roomId: RoomId, userId: UserId): Promise<Membership | undefined> {
  const userNid = await findUserNid(db, userId);
  return userNid === undefined ? undefined : (await findMembership(db, roomId, userNid))?.membership;
}

async function setMembership(
  deps: MembershipDeps,
  actor: Actor,
  change: MembershipChange,
  content: JsonObject,
): Promise<void> {
  const { roomId, userId, reason } = change;
  const event = {
    type: 'm.room.member',
    stateKey: userId,
    content: reason === undefined ? content : { ...content, reason },
  };
  const intent = clientIntent(deps, actor.userId, event, { senderState: actor.accountState });
  acceptedEvent(await deps.pipeline.submit({ roomId, intents: [intent] }));
}
