import { forbidden, guestAccessForbidden } from '../matrix/errors.ts';
import { stateSlot, type StateSlot } from '../matrix/event.ts';
import type { EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import {
  CREATE_SLOT,
  JOIN_RULES_SLOT,
  type Membership,
  POWER_LEVELS_SLOT,
  powerLevelsOf,
} from '../matrix/power-levels.ts';
import { findRoomVersionRules } from '../matrix/room-version.ts';
import { findMembership, listMembers } from '../storage/memberships.ts';
import { findRoomNid } from '../storage/rooms.ts';
import type { JsonObject } from '../util/json.ts';
import { isOpen, unlessStranger } from './closed-room.ts';
import { readableEvent, type ReadableEvent } from './client-events.ts';
import { clientIntent, findEventFault } from './client-intent.ts';
import { listAllowedRooms } from './describe-rooms.ts';
import type { Actor, MembershipDeps, OnJoined } from './membership.ts';
import { acceptedEvent } from './outcome.ts';
import { currentStateOf, findStateEvents, type RoomReadDeps } from './read-state.ts';

export interface JoinDeps extends MembershipDeps, RoomReadDeps {
  readonly onJoined: OnJoined;
}

/** A join as a client asks for it. */
export interface JoinRequest {
  readonly roomId: RoomId;
  readonly actor: Actor & { readonly isGuest: boolean };
  /** More for the content of the member event, such as `reason`. */
  readonly content: JsonObject;
  /** The time that the member event is to have; that of now when left out. */
  readonly originServerTs?: number | undefined;
}

const GUEST_ACCESS_SLOT = stateSlot('m.room.guest_access', '');

/**
 * Joins a room; who is in it already stays as they are. Throws 403 M_FORBIDDEN for who may not,
 * 403 M_GUEST_ACCESS_FORBIDDEN for guests where they are not wanted.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin
 */
export async function join(deps: JoinDeps, request: JoinRequest): Promise<void> {
  const { roomId, actor } = request;
  const current = await findMembership(deps.db, roomId, actor.userNid);
  if (current?.membership === 'join') return;
  const profile = await deps.memberProfile(actor.userId);
  await submitJoin(deps, { ...request, content: { ...profile, ...request.content } }, current?.membership);
}

/**
 * Sets the m.room.member event of a user who is to be in the room, or is in it already, to `content` and no more; the
 * answer is the event's id. `current` is what the user is in the room. Throws as {@link join} does.
 */
export async function submitJoin(
  deps: JoinDeps,
  request: JoinRequest,
  current: Membership | undefined,
): Promise<EventId> {
  const { roomId, actor } = request;
  const event = {
    type: 'm.room.member',
    stateKey: actor.userId,
    content: { ...request.content, membership: 'join' },
    originServerTs: request.originServerTs,
  };
  const fault = findEventFault(event);
  if (fault !== undefined) throw fault;
  const intent = clientIntent(deps, actor.userId, event, { senderState: actor.accountState });
  const authoriser = current === 'join' ? undefined : await judgeJoin(deps, request, current === 'invite');
  const content =
    authoriser === undefined
      ? intent.content
      : { ...intent.content, join_authorised_via_users_server: authoriser };
  const outcome = await deps.pipeline.submit({ roomId, intents: [{ ...intent, content }] });
  const { eventId } = acceptedEvent(outcome).event;
  if (current !== 'join') await deps.onJoined(actor, roomId);
  return eventId;
}

/** What the auth rules leave to the server: guests, and who lets the user into a restricted room, if that is how they come. */
async function judgeJoin(
  deps: JoinDeps,
  { roomId, actor }: JoinRequest,
  isInvited: boolean,
): Promise<UserId | undefined> {
  const roomNid = await findRoomNid(deps.db, roomId);
  // Unknown rooms are for the pipeline to refuse.
  if (roomNid === undefined) return undefined;
  const stored = await findStateEvents(deps, currentStateOf(roomNid), [
    GUEST_ACCESS_SLOT,
    CREATE_SLOT,
    POWER_LEVELS_SLOT,
    JOIN_RULES_SLOT,
  ]);
  const state = new Map([...stored].map(([slot, event]) => [slot, readableEvent(event)]));
  const rules = findRoomVersionRules(state.get(CREATE_SLOT)?.stored.roomVersion ?? '');
  const joinRules = contentOf(state, JOIN_RULES_SLOT) ?? {};
  const rule = joinRules['join_rule'];
  if (actor.isGuest && contentOf(state, GUEST_ACCESS_SLOT)?.['guest_access'] !== 'can_join') {
    const refusal = guestAccessForbidden('The room does not let guests in.');
    throw isOpen(rule) ? refusal : await unlessStranger(deps, roomId, actor.userNid, refusal);
  }
  const isRestricted =
    (rule === 'restricted' && rules?.restrictedJoins === true) ||
    (rule === 'knock_restricted' && rules?.knockRestrictedJoins === true);
  if (!isRestricted || isInvited || rules === undefined) return undefined;
  if (!(await meetsCondition(deps, joinRules, actor)))
    throw await unlessStranger(
      deps,
      roomId,
      actor.userNid,
      forbidden(`${actor.userId} is in none of the rooms whose members may join.`),
    );
  const levels = powerLevelsOf((slot) => state.get(slot)?.event, rules);
  const members = await listMembers(deps.db, roomNid, ['join']);
  const inviter = members.find(
    (member) => member.isLocal && levels.userLevel(member.userId) >= levels.invite,
  );
  if (inviter === undefined) throw forbidden('Nobody here can let others into the room.');
  return inviter.userId;
}

function contentOf(state: ReadonlyMap<StateSlot, ReadableEvent>, slot: StateSlot): JsonObject | undefined {
  return state.get(slot)?.event.content;
}

/** Whether the user is in one of the rooms that `allow` names. https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms */
export async function meetsCondition(
  deps: Pick<JoinDeps, 'db'>,
  joinRules: JsonObject,
  actor: Pick<Actor, 'userNid'>,
): Promise<boolean> {
  for (const roomId of listAllowedRooms(joinRules)) {
    const membership = await findMembership(deps.db, roomId, actor.userNid);
    if (membership?.membership === 'join') return true;
  }
  return false;
}
