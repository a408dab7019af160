import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { upgradeRoom, type UpgradeDeps } from '../rooms/upgrade.ts';
import { oldPath, userIdField } from './room-fields.ts';

export type RoomUpgradeDeps = UpgradeDeps;

const MOST_CREATORS = 100;

const upgradeRoomEndpoint = endpoint({
  name: 'upgradeRoom',
  method: 'POST',
  path: '/_matrix/client/v3/rooms/{roomId}/upgrade',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/upgrade')],
  auth: 'user',
  whileSuspended: 'refused',
  rateLimit: 'write',
  body: z.object({
    new_version: z.string(),
    additional_creators: z.array(userIdField).max(MOST_CREATORS).default([]),
  }),
  handle: async (deps: RoomUpgradeDeps, { params, body, requester }) => ({
    body: {
      replacement_room: await upgradeRoom(deps, requester, {
        roomId: params.roomId,
        newVersion: body.new_version,
        additionalCreators: body.additional_creators,
      }),
    },
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#room-upgrades */
export const roomUpgradeEndpoints: readonly Endpoint<RoomUpgradeDeps>[] = [upgradeRoomEndpoint];
