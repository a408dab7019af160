import { isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import { crossSigning, deviceKeys, oneTimeKeys } from '../support/encryption.ts';
import { makeGuest } from '../client-api/rooms-client.ts';
import { registerAdmin } from '../support/moderation.ts';
import { registerUser, request, succeed, textAt, type TestUser } from '../support/server.ts';

const C = '/_matrix/client/v3';
const V1 = '/_matrix/client/v1';
const ADMIN = '/_synapse/admin/v1';

/** A user that requests may be made as. */
export interface SceneUser extends TestUser {
  readonly localpart: string;
  readonly password: string;
}

export interface SceneRoom {
  readonly roomId: string;
  readonly alias: string | undefined;
  readonly eventIds: readonly string[];
}

/**
 * People, rooms and things that were made for one round of requests, so that some of the ids in these name something.
 * The lists have the same order and length in each round.
 */
export interface Scene {
  readonly baseUrl: string;
  /** Members of the rooms, whose tokens last unless somebody is unlucky. */
  readonly members: readonly SceneUser[];
  readonly stranger: SceneUser;
  readonly guest: TestUser;
  readonly admin: TestUser;
  /** For what ends sessions and accounts. */
  readonly victims: readonly SceneUser[];
  readonly refreshTokens: readonly string[];
  readonly asToken: string;
  readonly rooms: readonly SceneRoom[];
  readonly media: readonly string[];
  readonly pendingMedia: readonly string[];
  readonly delayIds: readonly string[];
  readonly futureTokens: readonly string[];
  readonly loginTokens: readonly string[];
  readonly openIdTokens: readonly string[];
  readonly registrationTokens: readonly string[];
  readonly nonces: readonly string[];
  readonly filterIds: readonly string[];
  readonly backupVersions: readonly string[];
  readonly streamTokens: readonly string[];
  readonly pusherUrl: string;
}

export interface SceneWishes {
  readonly baseUrl: string;
  readonly asToken: string;
  readonly pusherUrl: string;
  /** Makes names unlike those of other rounds. */
  readonly name: string;
}

/** Makes all of it through the server's own API. */
export async function makeScene(wishes: SceneWishes): Promise<Scene> {
  const { name } = wishes;
  const makeUser = async (localpart: string): Promise<SceneUser> => ({
    ...(await registerUser(wishes, `${localpart}-${name}`)),
    localpart: `${localpart}-${name}`,
    password: `the password of ${localpart}-${name}`,
  });
  const members = [await makeUser('alice'), await makeUser('bob'), await makeUser('carol')] as const;
  const victims = await Promise.all(Array.from({ length: 10 }, (_, nth) => makeUser(`victim${nth}`)));
  const stranger = await makeUser('mallory');
  const admin = await registerAdmin(wishes, `admin-${name}`);
  const rooms = await makeRooms(wishes, members, victims);
  const [privateRoom, openRoom, , , leftRoom] = rooms;
  if (privateRoom === undefined || openRoom === undefined || leftRoom === undefined)
    throw new Error('rooms were made');
  await sendSomeAway(wishes, members[0], victims, { openRoom, leftRoom });
  await makeRulesAndData(wishes, members[0], members[1], privateRoom);
  return {
    ...wishes,
    members,
    victims,
    stranger,
    admin,
    rooms,
    guest: await makeGuest(wishes),
    ...(await makeSessionThings(wishes, members[0], victims)),
    ...(await makeOwnThings(wishes, members[0])),
    ...(await makeFutures(wishes, members[0], privateRoom.roomId)),
    ...(await makeAdminThings(wishes, admin, name)),
    streamTokens: [
      textAt(await succeed(wishes, 'GET', `${C}/sync?timeout=0`, { token: members[0] }), 'next_batch'),
    ],
  };
}

/** Rooms of all kinds; the first is private, the second open to anybody, the third is for who knocks, the last a space. */
async function makeRooms(
  wishes: SceneWishes,
  [alice, bob, carol]: readonly [SceneUser, SceneUser, SceneUser],
  victims: readonly SceneUser[],
): Promise<readonly SceneRoom[]> {
  const kinds: readonly (readonly [alias: string | undefined, body: JsonObject])[] = [
    [undefined, { invite: [bob.userId, carol.userId] }],
    [`open-${wishes.name}`, { preset: 'public_chat', visibility: 'public', initial_state: WORLD_READABLE }],
    [
      undefined,
      { initial_state: [{ type: 'm.room.join_rules', state_key: '', content: { join_rule: 'knock' } }] },
    ],
    [`old-${wishes.name}`, { preset: 'public_chat', room_version: '1' }],
    [undefined, { preset: 'public_chat', room_version: '10', name: 'ten', topic: 'a topic' }],
    [undefined, { preset: 'public_chat', creation_content: { type: 'm.space' } }],
  ];
  const rooms: SceneRoom[] = [];
  for (const [alias, kind] of kinds) {
    const body = { ...kind, ...(alias === undefined ? {} : { room_alias_name: alias }) };
    const roomId = textAt(
      await succeed(wishes, 'POST', `${C}/createRoom`, { token: alice, body }),
      'room_id',
    );
    if ('preset' in kind || rooms.length === 0)
      await succeed(wishes, 'POST', `${C}/join/${encodeURIComponent(roomId)}`, { token: bob, body: {} });
    if ('preset' in kind)
      for (const user of [carol, ...victims])
        await succeed(wishes, 'POST', `${C}/join/${encodeURIComponent(roomId)}`, { token: user, body: {} });
    rooms.push({
      roomId,
      alias: alias === undefined ? undefined : `#${alias}:localhost`,
      eventIds: await makeEvents(wishes, alice, roomId, rooms[0]?.roomId ?? roomId),
    });
  }
  return rooms;
}

/** So that there is something to forget, and a ban to lift. */
async function sendSomeAway(
  wishes: SceneWishes,
  creator: SceneUser,
  victims: readonly SceneUser[],
  { openRoom, leftRoom }: { readonly openRoom: SceneRoom; readonly leftRoom: SceneRoom },
): Promise<void> {
  for (const victim of victims.slice(0, 5)) {
    const left = `${C}/rooms/${encodeURIComponent(leftRoom.roomId)}/leave`;
    await succeed(wishes, 'POST', left, { token: victim, body: {} });
    const open = `${C}/rooms/${encodeURIComponent(openRoom.roomId)}/ban`;
    await succeed(wishes, 'POST', open, { token: creator, body: { user_id: victim.userId } });
  }
}

async function makeRulesAndData(
  wishes: SceneWishes,
  user: SceneUser,
  other: SceneUser,
  room: SceneRoom,
): Promise<void> {
  const put = (path: string, body: JsonObject): Promise<JsonObject> =>
    succeed(wishes, 'PUT', `${C}/${path}`, { token: user, body });
  for (const [kind, ruleId, body] of [
    ['override', 'mine', { actions: ['notify'], conditions: [] }],
    ['underride', 'mine', { actions: [], conditions: [] }],
    ['content', 'mine', { actions: ['notify'], pattern: 'word*' }],
    ['room', room.roomId, { actions: [] }],
    ['sender', other.userId, { actions: ['notify'] }],
  ] as const)
    await put(`pushrules/global/${kind}/${encodeURIComponent(ruleId)}`, body);
  const own = `user/${encodeURIComponent(user.userId)}`;
  for (const type of ['m.direct', 'm.x']) {
    await put(`${own}/account_data/${type}`, { a: [1] });
    await put(`${own}/rooms/${encodeURIComponent(room.roomId)}/account_data/${type}`, { a: [1] });
  }
}

const WORLD_READABLE = [
  { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'world_readable' } },
  { type: 'm.room.guest_access', state_key: '', content: { guest_access: 'can_join' } },
];

async function makeEvents(
  wishes: SceneWishes,
  sender: SceneUser,
  roomId: string,
  child: string,
): Promise<readonly string[]> {
  const send = async (type: string, txnId: string, body: JsonValue): Promise<string> => {
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/${type}/${txnId}`;
    return textAt(await succeed(wishes, 'PUT', path, { token: sender, body }), 'event_id');
  };
  const first = await send('m.room.message', 'one', { msgtype: 'm.text', body: 'first words' });
  const relates = { 'm.relates_to': { rel_type: 'm.thread', event_id: first } };
  const reply = await send('m.room.message', 'two', { msgtype: 'm.text', body: 'an answer', ...relates });
  const reaction = await send('m.reaction', 'three', {
    'm.relates_to': { rel_type: 'm.annotation', event_id: first, key: '👍' },
  });
  const edit = await send('m.room.message', 'four', {
    msgtype: 'm.text',
    body: '* second words',
    'm.new_content': { msgtype: 'm.text', body: 'second words' },
    'm.relates_to': { rel_type: 'm.replace', event_id: first },
  });
  const state = `${C}/rooms/${encodeURIComponent(roomId)}/state/m.space.child/${encodeURIComponent(child)}`;
  const space = await succeed(wishes, 'PUT', state, { token: sender, body: { via: ['localhost'] } });
  return [first, reply, reaction, edit, textAt(space, 'event_id')];
}

async function makeSessionThings(
  wishes: SceneWishes,
  user: SceneUser,
  victims: readonly SceneUser[],
): Promise<Pick<Scene, 'refreshTokens' | 'loginTokens' | 'openIdTokens'>> {
  const refreshTokens: string[] = [];
  const loginTokens: string[] = [];
  for (const victim of victims.slice(0, 6)) {
    const identifier = { type: 'm.id.user', user: victim.localpart };
    const auth = { type: 'm.login.password', identifier, password: victim.password };
    const session = await succeed(wishes, 'POST', `${C}/login`, { body: { ...auth, refresh_token: true } });
    refreshTokens.push(textAt(session, 'refresh_token'));
    const login = await succeed(wishes, 'POST', `${V1}/login/get_token`, { token: victim, body: { auth } });
    loginTokens.push(textAt(login, 'login_token'));
  }
  const path = `${C}/user/${encodeURIComponent(user.userId)}/openid/request_token`;
  const openId = await succeed(wishes, 'POST', path, { token: user, body: {} });
  return { refreshTokens, loginTokens, openIdTokens: [textAt(openId, 'access_token')] };
}

async function makeOwnThings(
  wishes: SceneWishes,
  user: SceneUser,
): Promise<Pick<Scene, 'media' | 'pendingMedia' | 'filterIds' | 'backupVersions'>> {
  const media = [
    await upload(wishes, user, TINY_PNG, 'image/png'),
    await upload(wishes, user, Buffer.from('a text'), 'text/plain'),
  ];
  const pendingMedia = await Promise.all(
    Array.from({ length: 3 }, () => succeed(wishes, 'POST', '/_matrix/media/v1/create', { token: user })),
  );
  const filterPath = `${C}/user/${encodeURIComponent(user.userId)}/filter`;
  const filter = await succeed(wishes, 'POST', filterPath, {
    token: user,
    body: { room: { timeline: { limit: 3 } } },
  });
  await succeed(wishes, 'POST', `${C}/keys/upload`, {
    token: user,
    body: { device_keys: deviceKeys(user), one_time_keys: oneTimeKeys(user, ['a', 'b', 'c']) },
  });
  await request(wishes, 'POST', `${C}/keys/device_signing/upload`, {
    token: user,
    body: crossSigning(user.userId).upload,
  });
  const backup = await succeed(wishes, 'POST', `${C}/room_keys/version`, {
    token: user,
    body: { algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: { public_key: 'abc' } },
  });
  return {
    media,
    pendingMedia: pendingMedia.map((made) => mediaIdIn(textAt(made, 'content_uri'))),
    filterIds: [textAt(filter, 'filter_id')],
    backupVersions: [textAt(backup, 'version')],
  };
}

/** One pixel. */
export const TINY_PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

async function upload(wishes: SceneWishes, user: TestUser, bytes: Buffer, type: string): Promise<string> {
  const response = await fetch(`${wishes.baseUrl}/_matrix/media/v3/upload?filename=file`, {
    method: 'POST',
    headers: { authorization: `Bearer ${user.accessToken}`, 'content-type': type },
    body: new Uint8Array(bytes),
  });
  const json: unknown = await response.json();
  if (!isJsonObject(json)) throw new Error('an upload answers an object');
  return mediaIdIn(textAt(json, 'content_uri'));
}

function mediaIdIn(uri: string): string {
  return uri.split('/').at(-1) ?? '';
}

async function makeFutures(
  wishes: SceneWishes,
  user: SceneUser,
  roomId: string,
): Promise<Pick<Scene, 'delayIds' | 'futureTokens'>> {
  const futureTokens: string[] = [];
  const delayIds: string[] = [];
  const content = { type: 'm.room.message', content: { msgtype: 'm.text', body: 'later' } };
  const room = `${C}/rooms/${encodeURIComponent(roomId)}`;
  for (let nth = 0; nth < 8; nth++) {
    const future = await succeed(wishes, 'PUT', `${room}/send/future/future${nth}`, {
      token: user,
      body: { timeout: 3_600_000, send_on_timeout: content, send_on_action: { go: content } },
    });
    futureTokens.push(textAt(future, 'future_token'));
    const delayed = await succeed(
      wishes,
      'PUT',
      `${room}/send/m.room.message/delayed${nth}?org.matrix.msc4140.delay=3600000`,
      { token: user, body: { msgtype: 'm.text', body: 'much later' } },
    );
    delayIds.push(textAt(delayed, 'delay_id'));
  }
  return { futureTokens, delayIds };
}

async function makeAdminThings(
  wishes: SceneWishes,
  admin: TestUser,
  name: string,
): Promise<Pick<Scene, 'registrationTokens' | 'nonces'>> {
  const registrationTokens = [`token1-${name}`, `token2-${name}`, `token3-${name}`];
  for (const token of registrationTokens)
    await succeed(wishes, 'POST', `${ADMIN}/registration_tokens/new`, { token: admin, body: { token } });
  const nonces: string[] = [];
  for (let nth = 0; nth < 4; nth++)
    nonces.push(textAt(await succeed(wishes, 'GET', `${ADMIN}/register`), 'nonce'));
  return { registrationTokens, nonces };
}
