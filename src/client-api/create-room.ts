import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { createRoom, type CreateRoomDeps } from '../rooms/create-room.ts';
import { listJoinedRooms } from '../rooms/membership.ts';
import { oldPath, thirdPartyInvitesDenied, userIdField } from './room-fields.ts';

export type RoomsDeps = CreateRoomDeps;

const initialStateEvent = z
  .object({ type: z.string(), state_key: z.string().default(''), content: jsonObject })
  .transform((event) => ({ type: event.type, stateKey: event.state_key, content: event.content }));

const MOST_INVITES = 500;
const MOST_INITIAL_STATE = 500;

/** An optional key that clients send as null when they mean nothing by it. */
function nullish<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return schema.nullish().transform((value) => value ?? undefined);
}

const createRoomBody = z
  .object({
    visibility: z.enum(['public', 'private']).default('private'),
    room_alias_name: nullish(z.string()),
    name: nullish(z.string()),
    topic: nullish(z.string()),
    invite: z.array(userIdField).max(MOST_INVITES).default([]),
    invite_3pid: z.array(jsonObject).default([]),
    room_version: nullish(z.string()),
    creation_content: jsonObject.default({}),
    initial_state: z.array(initialStateEvent).max(MOST_INITIAL_STATE).default([]),
    preset: nullish(z.enum(['private_chat', 'trusted_private_chat', 'public_chat'])),
    is_direct: z.boolean().default(false),
    power_level_content_override: jsonObject.default({}),
  })
  .transform((body) => ({
    invite3pidCount: body.invite_3pid.length,
    request: {
      visibility: body.visibility,
      aliasName: body.room_alias_name,
      name: body.name,
      topic: body.topic,
      invite: body.invite,
      roomVersion: body.room_version,
      creationContent: body.creation_content,
      initialState: body.initial_state,
      preset: body.preset,
      isDirect: body.is_direct,
      powerLevelOverride: body.power_level_content_override,
    },
  }));

const createRoomEndpoint = endpoint({
  name: 'createRoom',
  method: 'POST',
  path: '/_matrix/client/v3/createRoom',
  alsoAt: [oldPath('/_matrix/client/v3/createRoom')],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'write',
  body: createRoomBody,
  handle: async (deps: RoomsDeps, { body, requester }) => {
    if (body.invite3pidCount > 0) throw thirdPartyInvitesDenied();
    return { body: { room_id: await createRoom(deps, requester, body.request) } };
  },
});

const getJoinedRooms = endpoint({
  name: 'getJoinedRooms',
  method: 'GET',
  path: '/_matrix/client/v3/joined_rooms',
  alsoAt: [oldPath('/_matrix/client/v3/joined_rooms')],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: RoomsDeps, { requester }) => ({
    body: { joined_rooms: await listJoinedRooms(deps, requester) },
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#creation */
export const roomsEndpoints: readonly Endpoint<RoomsDeps>[] = [createRoomEndpoint, getJoinedRooms];
