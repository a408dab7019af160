import { z } from 'zod';
import { resolveRoom, type AliasDeps } from '../directory/aliases.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject, lateBody } from '../http/parse-input.ts';
import { badJson } from '../matrix/errors.ts';
import { join, type JoinDeps } from '../rooms/join.ts';
import { ban, forget, invite, kick, knock, leave, unban } from '../rooms/membership.ts';
import { refuseToMissNotices } from '../rooms/notice-invites.ts';
import type { JsonObject } from '../util/json.ts';
import { oldPath, thirdPartyInvitesDenied, userIdField } from './room-fields.ts';

export type RoomMembershipDeps = AliasDeps & JoinDeps;

/** Clients may leave the reason out, or say that there is none. */
const reasonField = z
  .string()
  .nullish()
  .transform((reason) => reason ?? undefined);
const reasonBody = z.object({ reason: reasonField });
const targetBody = z
  .object({ user_id: userIdField, reason: reasonField })
  .transform((body) => ({ userId: body.user_id, reason: body.reason }));

/** Whatever a client writes goes into its member event, but for what is meant for the server. */
function joinContent(body: JsonObject): JsonObject {
  const { third_party_signed: _, ...content } = body;
  if (content['reason'] !== undefined && typeof content['reason'] !== 'string')
    throw badJson('reason: expected string');
  return content;
}

const inviteUser = endpoint({
  name: 'inviteUser',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/invite',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/invite')],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'invite',
  body: lateBody,
  handle: async (deps: RoomMembershipDeps, { params, body, requester }) => {
    // By an address instead of a user id.
    if (body.parse(jsonObject)['medium'] !== undefined) throw thirdPartyInvitesDenied();
    await invite(deps, requester, { roomId: params.roomId, ...body.parse(targetBody) });
    return { body: {} };
  },
});

const joinRoomById = endpoint({
  name: 'joinRoomById',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/join',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/join')],
  auth: 'guest-ok',
  whileSuspended: 'refused',
  rateLimit: 'join',
  body: jsonObject,
  bodyOptional: true,
  handle: async (deps: RoomMembershipDeps, { params, body, requester }) => {
    await join(deps, { roomId: params.roomId, actor: requester, content: joinContent(body) });
    return { body: { room_id: params.roomId } };
  },
});

const joinRoom = endpoint({
  name: 'joinRoom',
  method: 'POST',
  path: '/_matrix/client/v3/join/{roomIdOrAlias}',
  alsoAt: [oldPath('/_matrix/client/v3/join/{roomIdOrAlias}')],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'join',
  body: jsonObject,
  bodyOptional: true,
  handle: async (deps: RoomMembershipDeps, { params, body, requester }) => {
    const roomId = await resolveRoom(deps, params.roomIdOrAlias);
    await join(deps, { roomId, actor: requester, content: joinContent(body) });
    return { body: { room_id: roomId } };
  },
});

const knockRoom = endpoint({
  name: 'knockRoom',
  method: 'POST',
  path: '/_matrix/client/v3/knock/{roomIdOrAlias}',
  alsoAt: ['/_matrix/client/unstable/xyz.amorgan.knock/knock/{roomIdOrAlias}'],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'join',
  body: reasonBody,
  bodyOptional: true,
  handle: async (deps: RoomMembershipDeps, { params, body, requester }) => {
    const roomId = await resolveRoom(deps, params.roomIdOrAlias);
    await knock(deps, requester, roomId, body.reason);
    return { body: { room_id: roomId } };
  },
});

const leaveRoom = endpoint({
  name: 'leaveRoom',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/leave',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/leave')],
  auth: 'guest-ok',
  rateLimit: 'write',
  body: reasonBody,
  bodyOptional: true,
  handle: async (deps: RoomMembershipDeps, { params, body, requester }) => {
    await refuseToMissNotices(deps, requester, params.roomId);
    await leave(deps, requester, params.roomId, body.reason);
    return { body: {} };
  },
});

const forgetRoom = endpoint({
  name: 'forgetRoom',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/forget',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/forget')],
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: RoomMembershipDeps, { params, requester }) => {
    await forget(deps, requester, params.roomId);
    return { body: {} };
  },
});

const kickUser = endpoint({
  name: 'kick',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/kick',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/kick')],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'write',
  body: targetBody,
  handle: async (deps: RoomMembershipDeps, { params, body, requester }) => {
    await kick(deps, requester, { roomId: params.roomId, ...body });
    return { body: {} };
  },
});

const banUser = endpoint({
  name: 'ban',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/ban',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/ban')],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'write',
  body: targetBody,
  handle: async (deps: RoomMembershipDeps, { params, body, requester }) => {
    await ban(deps, requester, { roomId: params.roomId, ...body });
    return { body: {} };
  },
});

const unbanUser = endpoint({
  name: 'unban',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/unban',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/unban')],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'write',
  body: targetBody,
  handle: async (deps: RoomMembershipDeps, { params, body, requester }) => {
    await unban(deps, requester, { roomId: params.roomId, ...body });
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#room-membership */
export const roomMembershipEndpoints: readonly Endpoint<RoomMembershipDeps>[] = [
  inviteUser,
  joinRoomById,
  joinRoom,
  knockRoom,
  leaveRoom,
  forgetRoom,
  kickUser,
  banUser,
  unbanUser,
];
