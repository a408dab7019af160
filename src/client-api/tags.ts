import type { AccountDataDeps } from '../accounts/account-data.ts';
import { listTags, removeTag, setTag } from '../accounts/tags.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { requireKnownRoom } from '../rooms/room-preview.ts';
import type { RoomDataDeps } from './account-data.ts';
import { oldPath } from './room-fields.ts';

const TAGS = '/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags';
const TAG = '/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}';

const getRoomTags = endpoint({
  name: 'getRoomTags',
  method: 'GET',
  path: TAGS,
  alsoAt: [oldPath(TAGS)],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: AccountDataDeps, { params, requester }) => ({
    body: { tags: await listTags(deps, requester, params) },
  }),
});

const setRoomTag = endpoint({
  name: 'setRoomTag',
  method: 'PUT',
  path: TAG,
  alsoAt: [oldPath(TAG)],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  handle: async (deps: RoomDataDeps, { params, body, requester }) => {
    await requireKnownRoom(deps, requester, params.roomId);
    await setTag(deps, requester, params, { name: params.tag, content: body });
    return { body: {} };
  },
});

const deleteRoomTag = endpoint({
  name: 'deleteRoomTag',
  method: 'DELETE',
  path: TAG,
  alsoAt: [oldPath(TAG)],
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: RoomDataDeps, { params, requester }) => {
    await requireKnownRoom(deps, requester, params.roomId);
    await removeTag(deps, requester, params, params.tag);
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#room-tagging */
export const tagsEndpoints: readonly Endpoint<RoomDataDeps>[] = [getRoomTags, setRoomTag, deleteRoomTag];
