import type { Config } from '../config/config.ts';
import { mayUseAlias } from '../matrix/appservices.ts';
import {
  exclusive,
  forbidden,
  invalidParam,
  invalidRoomState,
  roomInUse,
  unsupportedRoomVersion,
} from '../matrix/errors.ts';
import type { MatrixError } from '../matrix/errors.ts';
import {
  parseRoomAlias,
  parseRoomId,
  parseUserId,
  type RoomAlias,
  type RoomId,
  type UserId,
} from '../matrix/identifiers.ts';
import { findRoomVersionRules, type RoomVersionRules } from '../matrix/room-version.ts';
import { insertAlias, pointAlias, releaseAlias, setPublished } from '../storage/directory.ts';
import { findRoomNid } from '../storage/rooms.ts';
import type { JsonObject } from '../util/json.ts';
import { randomLetters, randomToken } from '../util/random.ts';
import { clientIntent, findEventFault, type ClientEventInput } from './client-intent.ts';
import { refuseBlockedInvites } from './invite-permission.ts';
import { listInitialEvents, type RoomDescription, type RoomPreset } from './initial-events.ts';
import { inviteContent, requireReachable, type Actor, type MembershipDeps } from './membership.ts';
import type { Pipeline } from './pipeline.ts';

export interface CreateRoomDeps extends Omit<MembershipDeps, 'pipeline'> {
  readonly pipeline: Pick<Pipeline, 'createRoom'>;
  readonly config: Pick<Config, 'appservices' | 'defaultRoomVersion' | 'directoryPublishing'>;
}

/** A room as a client asks for it. */
export interface CreateRoomRequest extends Omit<RoomDescription, 'preset' | 'alias' | 'invitees'> {
  readonly roomVersion: string | undefined;
  readonly visibility: 'public' | 'private';
  /** undefined: what the visibility suggests. */
  readonly preset: RoomPreset | undefined;
  readonly aliasName: string | undefined;
  readonly invite: readonly UserId[];
  readonly isDirect: boolean;
}

/**
 * Makes a room, with all of its events or not at all. Throws 400 M_UNSUPPORTED_ROOM_VERSION, M_ROOM_IN_USE for an alias
 * that is taken, M_EXCLUSIVE for one that an application service keeps to itself, M_INVALID_ROOM_STATE for wishes that the auth rules refuse, and 403 M_FORBIDDEN
 * and M_INVITE_BLOCKED.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
 */
export async function createRoom(
  deps: CreateRoomDeps,
  actor: Actor & { readonly isAdmin: boolean },
  request: CreateRoomRequest,
): Promise<RoomId> {
  const version = request.roomVersion ?? deps.config.defaultRoomVersion;
  const rules = findRoomVersionRules(version);
  if (rules === undefined)
    throw unsupportedRoomVersion(`Room version ${JSON.stringify(version)} is not supported.`);
  const isPublic = request.visibility === 'public';
  if (isPublic && deps.config.directoryPublishing === 'admins' && !actor.isAdmin)
    throw forbidden('Only administrators publish rooms in the directory here.');
  const alias = aliasOf(request.aliasName, deps);
  if (alias !== undefined) await reserveAlias(deps, alias, actor);
  try {
    const roomId = await commitRoom(deps, actor, rules, describe(request, alias, isPublic), request.isDirect);
    if (alias !== undefined) await pointAlias(deps.db, alias, actor.userNid, roomId);
    if (isPublic) await publish(deps, roomId);
    return roomId;
  } catch (error) {
    if (alias !== undefined) await releaseAlias(deps.db, alias, actor.userNid);
    throw error;
  }
}

function aliasOf(name: string | undefined, deps: Pick<CreateRoomDeps, 'serverName'>): RoomAlias | undefined {
  if (name === undefined) return undefined;
  const alias = name.includes(':') ? undefined : parseRoomAlias(`#${name}:${deps.serverName}`);
  if (alias === undefined) throw invalidParam('room_alias_name is not the localpart of an alias.');
  return alias;
}

async function reserveAlias(deps: CreateRoomDeps, alias: RoomAlias, actor: Actor): Promise<void> {
  if (!mayUseAlias(deps.config.appservices, alias, actor.appservice))
    throw exclusive(`${alias} is in no namespace of yours.`);
  const reservation = { alias, roomNid: undefined, creatorNid: actor.userNid };
  if (!(await insertAlias(deps.db, reservation, deps.clock.nowMs()))) throw roomInUse(`${alias} is taken.`);
}

function describe(
  request: CreateRoomRequest,
  alias: RoomAlias | undefined,
  isPublic: boolean,
): RoomDescription {
  return {
    ...request,
    alias,
    preset: request.preset ?? (isPublic ? 'public_chat' : 'private_chat'),
    invitees: [...new Set(request.invite)],
  };
}

async function commitRoom(
  deps: CreateRoomDeps,
  actor: Actor,
  rules: RoomVersionRules,
  room: RoomDescription,
  isDirect: boolean,
): Promise<RoomId> {
  const inviteContents = new Map<UserId, JsonObject>();
  for (const invitee of room.invitees)
    inviteContents.set(invitee, await inviteContent(deps, invitee, { isDirect }));
  const events = listInitialEvents(room, {
    rules,
    creator: actor.userId,
    creatorProfile: await deps.memberProfile(actor.userId),
    inviteContents,
    entropy: randomToken(deps.random, 16),
  });
  const invitees = events.flatMap(({ type, stateKey, content }) => {
    const isInvite = type === 'm.room.member' && content['membership'] === 'invite';
    return isInvite ? (parseUserId(stateKey) ?? []) : [];
  });
  for (const invitee of invitees) requireReachable(deps, invitee);
  await refuseBlockedInvites(deps, actor.userId, invitees);
  // The create event is the one that nobody sends later.
  const faulty = events.slice(1).map(findEventFault);
  const fault = faulty.find((found) => found !== undefined);
  if (fault !== undefined) throw fault;
  const outcome = await deps.pipeline.createRoom({
    rules,
    roomId: rules.roomIdIsCreateHash ? undefined : chooseRoomId(deps),
    intents: events
      .filter((event) => !isPretendedInvite(actor, event))
      .map((event) => clientIntent(deps, actor.userId, event)),
  });
  if (outcome.kind === 'refused') throw asInvalidState(outcome.error);
  return outcome.roomId;
}

/** Rooms of somebody who is shadow-banned are made, and nobody hears of them. */
function isPretendedInvite(actor: Actor, event: ClientEventInput): boolean {
  const isOwn = event.type !== 'm.room.member' || event.stateKey === actor.userId;
  return actor.accountState?.isShadowBanned === true && !isOwn;
}

/** A room id for a room version whose servers choose them. */
export function chooseRoomId(deps: Pick<CreateRoomDeps, 'random' | 'serverName'>): RoomId {
  const roomId = parseRoomId(`!${randomLetters(deps.random, 24)}:${deps.serverName}`);
  if (roomId === undefined) throw new Error(`the server name ${deps.serverName} is too long for room ids`);
  return roomId;
}

/** The creator may do anything that rooms allow at all: a refusal is the fault of what was wished for. */
export function asInvalidState(error: MatrixError): MatrixError {
  return error.errcode === 'M_FORBIDDEN' ? invalidRoomState(error.message) : error;
}

async function publish(deps: CreateRoomDeps, roomId: RoomId): Promise<void> {
  const roomNid = await findRoomNid(deps.db, roomId);
  if (roomNid !== undefined) await setPublished(deps.db, roomNid, true, deps.clock.nowMs());
}
