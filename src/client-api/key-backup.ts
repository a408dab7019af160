import { z } from 'zod';
import {
  createBackup,
  deleteBackup,
  deleteKeys,
  getBackup,
  listKeys,
  putKeys,
  updateBackup,
  type BackedUpKey,
  type KeyBackup,
  type KeyBackupDeps,
} from '../devices/key-backup.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { invalidParam, notFound } from '../matrix/errors.ts';
import { parseRoomId } from '../matrix/identifiers.ts';
import type { JsonObject } from '../util/json.ts';
import { storedText } from './request-body.ts';

const VERSIONS = '/_matrix/client/v3/room_keys/version';
const KEYS = '/_matrix/client/v3/room_keys/keys';

const unstable = (path: string): readonly string[] => [path.replace('/v3/', '/unstable/')];

const infoShape = z.object({ algorithm: storedText, auth_data: jsonObject, version: z.string().optional() });
const versionQuery = z.object({ version: z.string() });

const keyShape = z.object({
  first_message_index: z.int(),
  forwarded_count: z.int(),
  is_verified: z.boolean(),
  session_data: jsonObject,
});
const roomShape = z.object({ sessions: z.record(storedText, keyShape) });

const postRoomKeysVersion = endpoint({
  name: 'postRoomKeysVersion',
  method: 'POST',
  path: VERSIONS,
  alsoAt: unstable(VERSIONS),
  auth: 'user',
  rateLimit: 'write',
  body: infoShape,
  handle: async (deps: KeyBackupDeps, { body, requester }) => {
    const info = { algorithm: body.algorithm, authData: body.auth_data };
    return { body: { version: await createBackup(deps, requester.userNid, info) } };
  },
});

const getRoomKeysVersionCurrent = endpoint({
  name: 'getRoomKeysVersionCurrent',
  method: 'GET',
  path: VERSIONS,
  alsoAt: unstable(VERSIONS),
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: KeyBackupDeps, { requester }) => ({
    body: renderBackup(await getBackup(deps, requester.userNid)),
  }),
});

const getRoomKeysVersion = endpoint({
  name: 'getRoomKeysVersion',
  method: 'GET',
  path: `${VERSIONS}/{version}`,
  alsoAt: unstable(`${VERSIONS}/{version}`),
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: KeyBackupDeps, { params, requester }) => ({
    body: renderBackup(await getBackup(deps, requester.userNid, params.version)),
  }),
});

const putRoomKeysVersion = endpoint({
  name: 'putRoomKeysVersion',
  method: 'PUT',
  path: `${VERSIONS}/{version}`,
  alsoAt: unstable(`${VERSIONS}/{version}`),
  auth: 'user',
  rateLimit: 'write',
  body: infoShape,
  handle: async (deps: KeyBackupDeps, { params, body, requester }) => {
    if (body.version !== undefined && body.version !== params.version) {
      throw invalidParam('version: not the one in the path');
    }
    const info = { algorithm: body.algorithm, authData: body.auth_data };
    await updateBackup(deps, requester.userNid, params.version, info);
    return { body: {} };
  },
});

const deleteRoomKeysVersion = endpoint({
  name: 'deleteRoomKeysVersion',
  method: 'DELETE',
  path: `${VERSIONS}/{version}`,
  alsoAt: unstable(`${VERSIONS}/{version}`),
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: KeyBackupDeps, { params, requester }) => {
    await deleteBackup(deps, requester.userNid, params.version);
    return { body: {} };
  },
});

const putRoomKeys = endpoint({
  name: 'putRoomKeys',
  method: 'PUT',
  path: KEYS,
  alsoAt: unstable(KEYS),
  auth: 'user',
  rateLimit: 'write',
  query: versionQuery,
  body: z.object({ rooms: z.record(z.string(), roomShape) }),
  handle: async (deps: KeyBackupDeps, { body, query, requester }) => {
    const keys = Object.entries(body.rooms).flatMap(([roomId, room]) => readRoom(roomId, room));
    return { body: renderUpdate(await putKeys(deps, requester.userNid, query.version, keys)) };
  },
});

const putRoomKeysByRoomId = endpoint({
  name: 'putRoomKeysByRoomId',
  method: 'PUT',
  path: `${KEYS}/{roomId}`,
  alsoAt: unstable(`${KEYS}/{roomId}`),
  auth: 'user',
  rateLimit: 'write',
  query: versionQuery,
  body: roomShape,
  handle: async (deps: KeyBackupDeps, { params, body, query, requester }) => {
    const keys = readRoom(params.roomId, body);
    return { body: renderUpdate(await putKeys(deps, requester.userNid, query.version, keys)) };
  },
});

const putRoomKeyBySessionId = endpoint({
  name: 'putRoomKeyBySessionId',
  method: 'PUT',
  path: `${KEYS}/{roomId}/{sessionId}`,
  alsoAt: unstable(`${KEYS}/{roomId}/{sessionId}`),
  auth: 'user',
  rateLimit: 'write',
  query: versionQuery,
  body: keyShape,
  handle: async (deps: KeyBackupDeps, { params, body, query, requester }) => {
    const keys = [readKey(params.roomId, params.sessionId, body)];
    return { body: renderUpdate(await putKeys(deps, requester.userNid, query.version, keys)) };
  },
});

const getRoomKeys = endpoint({
  name: 'getRoomKeys',
  method: 'GET',
  path: KEYS,
  alsoAt: unstable(KEYS),
  auth: 'user',
  rateLimit: 'read',
  query: versionQuery,
  handle: async (deps: KeyBackupDeps, { query, requester }) => ({
    body: { rooms: renderRooms(await listKeys(deps, requester.userNid, query.version, {})) },
  }),
});

const getRoomKeysByRoomId = endpoint({
  name: 'getRoomKeysByRoomId',
  method: 'GET',
  path: `${KEYS}/{roomId}`,
  alsoAt: unstable(`${KEYS}/{roomId}`),
  auth: 'user',
  rateLimit: 'read',
  query: versionQuery,
  handle: async (deps: KeyBackupDeps, { params, query, requester }) => ({
    body: renderRoom(await listKeys(deps, requester.userNid, query.version, { roomId: params.roomId })),
  }),
});

const getRoomKeyBySessionId = endpoint({
  name: 'getRoomKeyBySessionId',
  method: 'GET',
  path: `${KEYS}/{roomId}/{sessionId}`,
  alsoAt: unstable(`${KEYS}/{roomId}/{sessionId}`),
  auth: 'user',
  rateLimit: 'read',
  query: versionQuery,
  handle: async (deps: KeyBackupDeps, { params, query, requester }) => {
    const [key] = await listKeys(deps, requester.userNid, query.version, params);
    if (key === undefined) throw notFound('The backup has no key of this session');
    return { body: renderKey(key) };
  },
});

const deleteRoomKeys = endpoint({
  name: 'deleteRoomKeys',
  method: 'DELETE',
  path: KEYS,
  alsoAt: unstable(KEYS),
  auth: 'user',
  rateLimit: 'write',
  query: versionQuery,
  handle: async (deps: KeyBackupDeps, { query, requester }) => ({
    body: renderUpdate(await deleteKeys(deps, requester.userNid, query.version, {})),
  }),
});

const deleteRoomKeysByRoomId = endpoint({
  name: 'deleteRoomKeysByRoomId',
  method: 'DELETE',
  path: `${KEYS}/{roomId}`,
  alsoAt: unstable(`${KEYS}/{roomId}`),
  auth: 'user',
  rateLimit: 'write',
  query: versionQuery,
  handle: async (deps: KeyBackupDeps, { params, query, requester }) => ({
    body: renderUpdate(await deleteKeys(deps, requester.userNid, query.version, { roomId: params.roomId })),
  }),
});

const deleteRoomKeyBySessionId = endpoint({
  name: 'deleteRoomKeyBySessionId',
  method: 'DELETE',
  path: `${KEYS}/{roomId}/{sessionId}`,
  alsoAt: unstable(`${KEYS}/{roomId}/{sessionId}`),
  auth: 'user',
  rateLimit: 'write',
  query: versionQuery,
  handle: async (deps: KeyBackupDeps, { params, query, requester }) => ({
    body: renderUpdate(await deleteKeys(deps, requester.userNid, query.version, params)),
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups */
export const keyBackupEndpoints: readonly Endpoint<KeyBackupDeps>[] = [
  postRoomKeysVersion,
  getRoomKeysVersionCurrent,
  getRoomKeysVersion,
  putRoomKeysVersion,
  deleteRoomKeysVersion,
  putRoomKeys,
  putRoomKeysByRoomId,
  putRoomKeyBySessionId,
  getRoomKeys,
  getRoomKeysByRoomId,
  getRoomKeyBySessionId,
  deleteRoomKeys,
  deleteRoomKeysByRoomId,
  deleteRoomKeyBySessionId,
];

function readRoom(roomId: string, room: z.output<typeof roomShape>): BackedUpKey[] {
  if (parseRoomId(roomId) === undefined) throw invalidParam(`rooms: ${roomId} is not a room id`);
  return Object.entries(room.sessions).map(([sessionId, key]) => readKey(roomId, sessionId, key));
}

function readKey(roomId: string, sessionId: string, key: z.output<typeof keyShape>): BackedUpKey {
  return {
    roomId,
    sessionId,
    firstMessageIndex: key.first_message_index,
    forwardedCount: key.forwarded_count,
    isVerified: key.is_verified,
    sessionData: JSON.stringify(key.session_data),
  };
}

function renderBackup(backup: KeyBackup): JsonObject {
  const authData: JsonObject = JSON.parse(backup.authData);
  return {
    algorithm: backup.algorithm,
    auth_data: authData,
    version: String(backup.version),
    ...renderUpdate(backup),
  };
}

function renderUpdate(backup: KeyBackup): JsonObject {
  return { count: backup.keyCount, etag: String(backup.etag) };
}

function renderRooms(keys: readonly BackedUpKey[]): JsonObject {
  const byRoom = new Map<string, BackedUpKey[]>();
  for (const key of keys) {
    const known = byRoom.get(key.roomId);
    if (known === undefined) byRoom.set(key.roomId, [key]);
    else known.push(key);
  }
  return Object.fromEntries([...byRoom].map(([roomId, ofRoom]) => [roomId, renderRoom(ofRoom)]));
}

function renderRoom(keys: readonly BackedUpKey[]): JsonObject {
  return { sessions: Object.fromEntries(keys.map((key) => [key.sessionId, renderKey(key)])) };
}

function renderKey(key: BackedUpKey): JsonObject {
  const sessionData: JsonObject = JSON.parse(key.sessionData);
  return {
    first_message_index: key.firstMessageIndex,
    forwarded_count: key.forwardedCount,
    is_verified: key.isVerified,
    session_data: sessionData,
  };
}
