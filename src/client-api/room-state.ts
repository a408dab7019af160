import { z } from 'zod';
import { checkCanonicalAlias } from '../directory/aliases.ts';
import { findDelayParameter } from '../futures/delay-request.ts';
import type { FutureDeps } from '../futures/future-deps.ts';
import { scheduleDelayedEvent } from '../futures/schedule.ts';
import { endpoint, type Endpoint, type Reply, type Requester } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { RenderDeps } from '../rooms/client-events.ts';
import type { ClientEventInput } from '../rooms/client-intent.ts';
import type { JoinDeps } from '../rooms/join.ts';
import { readRoomState, readStatePiece } from '../rooms/read-room-state.ts';
import { setState } from '../rooms/send.ts';
import { setMember } from '../rooms/set-member.ts';
import { oldPath, sendQuery, stickyDurationIn } from './room-fields.ts';
import { findTimestamp, timestampQuery } from './timestamp-massaging.ts';

export type RoomStateDeps = JoinDeps & RenderDeps & FutureDeps;

const WITH_KEY = '/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}';
const WITHOUT_KEY = '/_matrix/client/v3/rooms/{roomId}/state/{eventType}';
/** The empty state key may be written as a trailing slash. */
const EMPTY_KEY = '/_matrix/client/v3/rooms/{roomId}/state/{eventType}/';

const putStateQuery = sendQuery.extend(timestampQuery.shape);
const formatQuery = z.object({ format: z.enum(['content', 'event']).default('content') });

const getRoomState = endpoint({
  name: 'getRoomState',
  method: 'GET',
  path: '/_matrix/client/v3/rooms/{roomId}/state',
  alsoAt: [oldPath('/_matrix/client/v3/rooms/{roomId}/state')],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: async (deps: RoomStateDeps, { params, requester }) => ({
    body: await readRoomState(deps, requester, params.roomId),
  }),
});

const getRoomStateWithKey = endpoint({
  name: 'getRoomStateWithKey',
  method: 'GET',
  path: WITH_KEY,
  alsoAt: [oldPath(WITH_KEY)],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: formatQuery,
  handle: async (deps: RoomStateDeps, { params, query, requester }) => {
    const { roomId, eventType: type, stateKey } = params;
    return { body: await readStatePiece(deps, requester, { roomId, type, stateKey }, query.format) };
  },
});

const getRoomStateWithEmptyKey = endpoint({
  name: 'getRoomStateWithEmptyKey',
  method: 'GET',
  path: WITHOUT_KEY,
  alsoAt: [EMPTY_KEY, oldPath(WITHOUT_KEY), oldPath(EMPTY_KEY)],
  auth: 'guest-ok',
  rateLimit: 'read',
  query: formatQuery,
  handle: async (deps: RoomStateDeps, { params, query, requester }) => {
    const { roomId, eventType: type } = params;
    return { body: await readStatePiece(deps, requester, { roomId, type, stateKey: '' }, query.format) };
  },
});

const setRoomStateWithKey = endpoint({
  name: 'setRoomStateWithKey',
  method: 'PUT',
  path: WITH_KEY,
  alsoAt: [oldPath(WITH_KEY)],
  auth: 'guest-ok',
  whileSuspended: 'by-event',
  rateLimit: 'write',
  query: putStateQuery,
  body: jsonObject,
  handle: async (deps: RoomStateDeps, { params, query, body, requester }) => {
    const { roomId, eventType: type, stateKey } = params;
    return putState(deps, requester, roomId, { type, stateKey, content: body }, query);
  },
});

const setRoomStateWithEmptyKey = endpoint({
  name: 'setRoomStateWithEmptyKey',
  method: 'PUT',
  path: WITHOUT_KEY,
  alsoAt: [EMPTY_KEY, oldPath(WITHOUT_KEY), oldPath(EMPTY_KEY)],
  auth: 'guest-ok',
  whileSuspended: 'by-event',
  rateLimit: 'write',
  query: putStateQuery,
  body: jsonObject,
  handle: async (deps: RoomStateDeps, { params, query, body, requester }) => {
    const { roomId, eventType: type } = params;
    return putState(deps, requester, roomId, { type, stateKey: '', content: body }, query);
  },
});

async function putState(
  deps: RoomStateDeps,
  requester: Requester,
  roomId: RoomId,
  written: ClientEventInput,
  query: z.infer<typeof putStateQuery>,
): Promise<Reply> {
  const event = {
    ...written,
    stickyDurationMs: stickyDurationIn(query),
    originServerTs: findTimestamp(query, requester),
  };
  const delay = findDelayParameter(query);
  if (delay !== undefined) return scheduleDelayedEvent(deps, { requester, roomId, event, delay });
  if (event.type === 'm.room.member')
    return { body: { event_id: await setMember(deps, requester, roomId, event) } };
  if (event.type === 'm.room.canonical_alias' && event.stateKey === '')
    await checkCanonicalAlias(deps, roomId, event.content);
  return { body: { event_id: await setState(deps, requester, roomId, event) } };
}

/** https://spec.matrix.org/v1.19/client-server-api/#sending-events-to-a-room */
export const roomStateEndpoints: readonly Endpoint<RoomStateDeps>[] = [
  getRoomState,
  getRoomStateWithKey,
  getRoomStateWithEmptyKey,
  setRoomStateWithKey,
  setRoomStateWithEmptyKey,
];
