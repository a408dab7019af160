import { forbidden, unsupportedRoomVersion } from '../matrix/errors.ts';
import { parseRoomId, type RoomId, type UserId } from '../matrix/identifiers.ts';
import { findRoomVersionRules, type RoomVersionRules } from '../matrix/room-version.ts';
import { listAliases, moveNames } from '../storage/directory.ts';
import { findRoom, findRoomNid } from '../storage/rooms.ts';
import type { JsonObject } from '../util/json.ts';
import { randomToken } from '../util/random.ts';
import { readableEvent } from './client-events.ts';
import { clientIntent } from './client-intent.ts';
import { asInvalidState, chooseRoomId } from './create-room.ts';
import { mayChangeState } from './may-change-state.ts';
import type { Actor, FindMemberProfile, OnJoined } from './membership.ts';
import { acceptedEvent } from './outcome.ts';
import type { Pipeline } from './pipeline.ts';
import { currentStateOf, listStateEvents } from './read-state.ts';
import { requireJoined } from './room-access.ts';
import type { SendDeps } from './send.ts';
import {
  listUpgradedEvents,
  pickAliases,
  restrictLevels,
  type NewRoom,
  type OldRoom,
} from './upgraded-state.ts';

export interface UpgradeDeps extends SendDeps {
  readonly pipeline: Pick<Pipeline, 'submit' | 'createRoom'>;
  readonly memberProfile: FindMemberProfile;
  readonly onJoined: OnJoined;
}

const EVENT_HASH_BYTES = 32;

export interface UpgradeRequest {
  readonly roomId: RoomId;
  readonly newVersion: string;
  /** Passed over by room versions that know one creator only. */
  readonly additionalCreators: readonly UserId[];
}

/**
 * Replaces a room by one of another version: the new room takes over state, bans, aliases and place in the directory, the old
 * one ends with a tombstone that leads there. Throws 400 M_UNSUPPORTED_ROOM_VERSION, and 403 M_FORBIDDEN for who may not
 * send the tombstone; nothing has changed then. https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
export async function upgradeRoom(deps: UpgradeDeps, actor: Actor, request: UpgradeRequest): Promise<RoomId> {
  const rules = findRoomVersionRules(request.newVersion);
  if (rules === undefined)
    throw unsupportedRoomVersion(`Room version ${JSON.stringify(request.newVersion)} is not supported.`);
  const { roomId } = request;
  const roomNid = await requireJoined(deps, roomId, actor);
  if (!(await mayChangeState(deps, actor, { roomId, roomNid }, 'm.room.tombstone')))
    throw forbidden('You do not have the power to send m.room.tombstone.');
  if (actor.accountState?.isShadowBanned === true) return pretendedRoomId(deps, rules);
  const old = await readOldRoom(deps, roomId, roomNid);
  const newRoomId = await makeReplacement(deps, actor, old, {
    rules,
    creator: actor.userId,
    creatorProfile: await deps.memberProfile(actor.userId),
    additionalCreators: request.additionalCreators,
    entropy: randomToken(deps.random, 16),
  });
  const set = (type: string, content: JsonObject): ReturnType<UpgradeDeps['pipeline']['submit']> =>
    deps.pipeline.submit({
      roomId,
      intents: [clientIntent(deps, actor.userId, { type, stateKey: '', content })],
    });
  const tombstone = { body: 'This room has been replaced', replacement_room: newRoomId };
  acceptedEvent(await set('m.room.tombstone', tombstone));
  const newRoomNid = await findRoomNid(deps.db, newRoomId);
  if (newRoomNid !== undefined) await moveNames(deps.db, roomNid, newRoomNid);
  // The one who upgrades is in the new room from its beginning.
  await deps.onJoined(actor, newRoomId);
  // From here on the room is replaced; that the rest takes more power than the tombstone is no failure.
  const canonical = stateOf(old, 'm.room.canonical_alias');
  const isLeft = (alias: string): boolean => !old.aliases.includes(alias);
  if (canonical !== undefined) await set('m.room.canonical_alias', pickAliases(canonical, isLeft) ?? {});
  const levels = stateOf(old, 'm.room.power_levels');
  if (levels !== undefined) await set('m.room.power_levels', restrictLevels(levels, old.rules));
  return newRoomId;
}

/** Where somebody who is shadow-banned is told that the room has gone. */
function pretendedRoomId(deps: UpgradeDeps, rules: RoomVersionRules): RoomId {
  if (!rules.roomIdIsCreateHash) return chooseRoomId(deps);
  const roomId = parseRoomId(`!${randomToken(deps.random, EVENT_HASH_BYTES)}`);
  if (roomId === undefined) throw new Error('a hash is a room id');
  return roomId;
}

async function readOldRoom(deps: UpgradeDeps, roomId: RoomId, roomNid: number): Promise<OldRoom> {
  const room = await findRoom(deps.db, roomId);
  const rules = findRoomVersionRules(room?.roomVersion ?? '');
  if (room === undefined || rules === undefined) throw new Error(`${roomId} has vanished`);
  const stored = await listStateEvents(deps, currentStateOf(roomNid));
  return {
    roomId,
    rules,
    state: stored.map(readableEvent),
    lastEventId: room.extremities[0]?.eventId,
    aliases: await listAliases(deps.db, roomNid),
  };
}

function stateOf(old: OldRoom, type: string): JsonObject | undefined {
  return old.state.find(({ event }) => event.type === type && event.stateKey === '')?.event.content;
}

async function makeReplacement(
  deps: UpgradeDeps,
  actor: Actor,
  old: OldRoom,
  room: NewRoom,
): Promise<RoomId> {
  const outcome = await deps.pipeline.createRoom({
    rules: room.rules,
    roomId: room.rules.roomIdIsCreateHash ? undefined : chooseRoomId(deps),
    intents: listUpgradedEvents(old, room).map((event) => clientIntent(deps, actor.userId, event)),
  });
  if (outcome.kind === 'refused') throw asInvalidState(outcome.error);
  return outcome.roomId;
}
