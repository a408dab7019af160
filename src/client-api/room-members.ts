import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { RenderDeps } from '../rooms/client-events.ts';
import { listJoinedMembers, listMemberEvents } from '../rooms/read-members.ts';
import { oldPath, streamTokenField } from './room-fields.ts';

export type RoomMembersDeps = RenderDeps;

const membershipField = z.enum(['join', 'invite', 'knock', 'leave', 'ban']).optional();

const getMembersByRoom = endpoint({
  name: 'getMembersByRoom',
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/members',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/members')],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: z.object({
    at: streamTokenField.optional(),
    membership: membershipField,
    not_membership: membershipField,
  }),
  handle: async (deps: RoomMembersDeps, { params, query, requester }) => ({
    body: {
      chunk: await listMemberEvents(deps, requester, {
        roomId: params.roomId,
        at: query.at,
        membership: query.membership,
        notMembership: query.not_membership,
      }),
    },
  }),
});

const getJoinedMembersByRoom = endpoint({
  name: 'getJoinedMembersByRoom',
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/joined_members',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/joined_members')],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: RoomMembersDeps, { params, requester }) => ({
    body: { joined: await listJoinedMembers(deps, requester, params.roomId) },
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room */
export const roomMembersEndpoints: readonly Endpoint<RoomMembersDeps>[] = [
  getMembersByRoom,
  getJoinedMembersByRoom,
];
