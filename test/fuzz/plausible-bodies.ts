import { createHmac } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { crossSigning, deviceKeys, oneTimeKeys } from '../support/encryption.ts';
import type { TestUser } from '../support/server.ts';
import type { Chance } from './chance.ts';
import type { Scene, SceneRoom } from './scene.ts';

/** What a request is made of before it is spoilt. */
export interface Draft {
  /** The endpoint that it is for. */
  readonly name: string;
  readonly scene: Scene;
  readonly chance: Chance;
  /** Whose token it carries. */
  readonly user: TestUser & { readonly localpart?: string; readonly password?: string };
  readonly room: SceneRoom;
  /** Path parameters, not escaped. */
  readonly params: Readonly<Record<string, string>>;
}

type MakeBody = (draft: Draft) => JsonValue;

/** What the body of an endpoint may be that nothing is known of: some keys that many have. */
export function plausibleBody(name: string, draft: Draft): JsonValue {
  const make = BODIES.get(name);
  if (make !== undefined) return make(draft);
  return { user_id: someUser(draft), room_id: draft.room.roomId, reason: 'because', type: 'm.x', data: {} };
}

function someUser({ scene, chance }: Draft): string {
  return chance.pick([...scene.members, scene.stranger, ...scene.victims]).userId;
}

function someEvent({ room, chance }: Draft): string {
  return chance.pick(room.eventIds);
}

function withPassword({ user }: Draft): JsonObject {
  if (user.password === undefined) return {};
  const identifier = { type: 'm.id.user', user: user.localpart ?? '' };
  return { auth: { type: 'm.login.password', identifier, password: user.password } };
}

function message(draft: Draft): JsonObject {
  const { chance } = draft;
  const base = { msgtype: 'm.text', body: `words ${chance.below(1000)} @room` };
  const relations: readonly JsonObject[] = [
    {},
    { 'm.mentions': { user_ids: [someUser(draft)], room: chance.oneIn(2) } },
    { 'm.relates_to': { rel_type: 'm.thread', event_id: someEvent(draft), is_falling_back: true } },
    { 'm.relates_to': { rel_type: 'm.annotation', event_id: someEvent(draft), key: `k${chance.below(99)}` } },
    { 'm.relates_to': { rel_type: 'm.reference', event_id: someEvent(draft) } },
    { 'm.relates_to': { 'm.in_reply_to': { event_id: someEvent(draft) } } },
    {
      'm.new_content': base,
      'm.relates_to': { rel_type: 'm.replace', event_id: someEvent(draft) },
    },
  ];
  return { ...base, ...chance.pick(relations) };
}

/** Content that is right for the type in the path, for types that the server looks into. */
function stateContent(draft: Draft): JsonValue {
  const { params, chance, scene } = draft;
  const contents: Readonly<Record<string, JsonObject>> = {
    'm.room.name': { name: `name ${chance.below(100)}` },
    'm.room.topic': { topic: 'a topic', 'm.topic': { 'm.text': [{ body: 'a topic' }] } },
    'm.room.member': { membership: chance.pick(['join', 'leave', 'invite']), displayname: 'A' },
    'm.room.power_levels': {
      users: Object.fromEntries(scene.members.map(({ userId }, nth) => [userId, nth === 0 ? 100 : 50])),
      events: { 'm.room.name': chance.below(101) },
      state_default: 0,
    },
    'm.room.canonical_alias': { alias: draft.room.alias ?? null },
    'm.room.join_rules': {
      join_rule: chance.pick(['public', 'knock', 'restricted', 'invite']),
      allow: [{ type: 'm.room_membership', room_id: scene.rooms[0]?.roomId ?? '' }],
    },
    'm.room.history_visibility': {
      history_visibility: chance.pick(['shared', 'joined', 'invited', 'world_readable']),
    },
    'm.room.guest_access': { guest_access: 'can_join' },
    'm.room.avatar': { url: `mxc://localhost/${scene.media[0] ?? ''}` },
    'm.space.child': { via: ['localhost'], order: 'a', suggested: true },
    'm.room.encryption': { algorithm: 'm.megolm.v1.aes-sha2' },
    'm.room.tombstone': { replacement_room: scene.rooms[1]?.roomId ?? '', body: 'moved' },
  };
  return contents[params['eventType'] ?? ''] ?? message(draft);
}

function keyBackupSession(chance: Chance): JsonObject {
  return {
    first_message_index: chance.below(10),
    forwarded_count: chance.below(10),
    is_verified: chance.oneIn(2),
    session_data: { ephemeral: 'a', ciphertext: 'b', mac: 'c' },
  };
}

function delayed(draft: Draft): JsonObject {
  const { chance } = draft;
  return {
    content: message(draft),
    delay_ms: chance.pick([1, 50, 5000, 3_600_000]),
    ...(chance.oneIn(3) ? { state_key: chance.pick(['', 'a']) } : {}),
  };
}

function future(draft: Draft): JsonObject {
  const content = { type: 'm.room.message', content: message(draft) };
  return {
    timeout: draft.chance.pick([1, 50, 5000, 3_600_000]),
    send_on_timeout: content,
    send_on_action: { go: content, stop: { type: 'm.x', state_key: '', content: {} } },
    ...(draft.chance.oneIn(2) ? { send_now: { type: 'm.x', state_key: 'k', content: { a: 1 } } } : {}),
  };
}

function pushRule(draft: Draft): JsonObject {
  const actions = draft.chance.pick<JsonValue>([
    [],
    ['notify'],
    ['notify', { set_tweak: 'sound', value: 'default' }],
    ['dont_notify'],
  ]);
  const kind = draft.params['kind'];
  if (kind === 'content')
    return { actions, pattern: draft.chance.pick(['word*', '*?*', 'é', '*'.repeat(50)]) };
  if (kind !== 'override' && kind !== 'underride') return { actions };
  const conditions: JsonValue = [
    { kind: 'event_match', key: 'content.body', pattern: draft.chance.pick(['*a*', '?', '**********x']) },
    { kind: 'room_member_count', is: draft.chance.pick(['2', '>1', '<=99', '==0']) },
    { kind: 'event_property_is', key: 'content.m\\.relates_to.rel_type', value: null },
    { kind: 'contains_display_name' },
    { kind: 'sender_notification_permission', key: 'room' },
    { kind: 'of tomorrow' },
  ];
  return { actions, conditions };
}

function search(draft: Draft): JsonObject {
  const { chance } = draft;
  return {
    search_categories: {
      room_events: {
        search_term: chance.pick(['words', 'first second', '"', '\\', "a:* & 'b'", '']),
        keys: ['content.body', 'content.name'],
        filter: { limit: 1 + chance.below(20), rooms: [draft.room.roomId] },
        order_by: chance.pick(['rank', 'recent']),
        event_context: { before_limit: 2, after_limit: 2, include_profile: true },
        include_state: true,
        groupings: { group_by: [{ key: chance.pick(['room_id', 'sender']) }] },
      },
    },
  };
}

function filter(draft: Draft): JsonObject {
  const events = { limit: draft.chance.below(20), types: ['m.*', 'a*b*c'], not_senders: [someUser(draft)] };
  return {
    event_fields: ['type', 'content.body', 'content.a\\.b'],
    event_format: draft.chance.pick(['client', 'federation']),
    presence: events,
    account_data: events,
    room: {
      rooms: [draft.room.roomId],
      include_leave: true,
      timeline: { ...events, lazy_load_members: true, contains_url: false },
      state: { lazy_load_members: true, include_redundant_members: true },
      ephemeral: events,
      account_data: events,
    },
  };
}

function createRoom(draft: Draft): JsonObject {
  const { chance } = draft;
  return {
    name: 'a room',
    topic: 'made here',
    preset: chance.pick(['private_chat', 'trusted_private_chat', 'public_chat']),
    room_version: chance.pick(['1', '3', '6', '9', '10', '11', '12']),
    invite: [someUser(draft)],
    is_direct: chance.oneIn(2),
    creation_content: { 'm.federate': chance.oneIn(2) },
    power_level_content_override: { events_default: 0 },
    initial_state: [{ type: 'm.room.topic', content: { topic: 'another' } }],
    ...(chance.oneIn(4) ? { room_alias_name: `made-${chance.below(10_000)}` } : {}),
  };
}

function login(draft: Draft): JsonObject {
  const { chance, scene } = draft;
  const victim = chance.pick(scene.victims);
  if (chance.oneIn(3)) return { type: 'm.login.token', token: chance.pick(scene.loginTokens) };
  return {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: chance.pick([victim.localpart, victim.userId]) },
    password: victim.password,
    initial_device_display_name: 'a device',
    refresh_token: chance.oneIn(2),
    ...(chance.oneIn(3) ? { device_id: 'ADEVICE' } : {}),
  };
}

function bySharedSecret({ chance, scene }: Draft): JsonObject {
  const nonce = chance.pick(scene.nonces);
  const username = `made${chance.below(1e9)}`;
  const mac = createHmac('sha1', SHARED_SECRET).update([nonce, username, 'pw', 'notadmin'].join('\0'));
  return { nonce, username, password: 'pw', admin: false, mac: mac.digest('hex') };
}

/** What the server is configured with. */
export const SHARED_SECRET = 'test secret';

function register({ chance }: Draft): JsonObject {
  return {
    username: `made-${chance.below(1e9)}`,
    password: 'a password',
    auth: { type: 'm.login.dummy' },
    inhibit_login: chance.oneIn(3),
    initial_device_display_name: 'x',
  };
}

function pusher(draft: Draft): JsonObject {
  const { chance, scene } = draft;
  return {
    kind: chance.pick(['http', 'http', 'http', null]),
    app_id: `app${chance.below(3)}`,
    pushkey: `key${chance.below(3)}`,
    app_display_name: 'an app',
    device_display_name: 'a device',
    profile_tag: 'x',
    lang: 'en',
    data: { url: scene.pusherUrl, format: 'event_id_only' },
    append: chance.oneIn(2),
  };
}

/** The id of everybody's dehydrated device. */
export const DEHYDRATED = 'DEHYDRATED';

function dehydratedDevice({ user }: Draft): JsonObject {
  const device = { ...user, deviceId: DEHYDRATED };
  return {
    device_id: device.deviceId,
    device_data: { algorithm: 'org.matrix.msc3814.v2' },
    device_keys: deviceKeys(device),
    one_time_keys: oneTimeKeys(device, ['x']),
    fallback_keys: {},
    initial_device_display_name: 'asleep',
  };
}

function keysUpload({ user, chance }: Draft): JsonObject {
  return {
    device_keys: deviceKeys(user),
    one_time_keys: oneTimeKeys(user, [`n${chance.below(50)}`, `n${chance.below(50)}`]),
    fallback_keys: oneTimeKeys(user, ['f'], { fallback: true }),
  };
}

function signatures(draft: Draft): JsonObject {
  const { user } = draft;
  const { master_key: key } = crossSigning(user.userId).upload;
  return { [user.userId]: { [user.deviceId]: deviceKeys(user), master: key } };
}

function readMarkers(draft: Draft): JsonObject {
  return {
    'm.fully_read': someEvent(draft),
    'm.read': someEvent(draft),
    'm.read.private': someEvent(draft),
  };
}

function profileField({ params, scene, chance }: Draft): JsonObject {
  const key = params['keyName'] ?? 'x';
  const value = key === 'avatar_url' ? `mxc://localhost/${scene.media[0] ?? ''}` : `n${chance.below(10)}`;
  return { [key]: value };
}

function notice(draft: Draft): JsonObject {
  return { user_id: someUser(draft), content: { msgtype: 'm.text', body: 'a notice' } };
}

function futureToken({ chance, scene }: Draft): JsonObject {
  return { future_token: chance.pick(scene.futureTokens) };
}

const BODIES: ReadonlyMap<string, MakeBody> = new Map<string, MakeBody>([
  ['setAccountData', () => ({ a: { b: [1, 2] } })],
  ['setAccountDataPerRoom', () => ({ a: { b: [1, 2] } })],
  ['changePassword', (draft) => ({ new_password: draft.user.password ?? 'x', ...withPassword(draft) })],
  ['deactivateAccount', (draft) => ({ erase: draft.chance.oneIn(2), ...withPassword(draft) })],
  ['registerBySharedSecret', bySharedSecret],
  ['setAdminSuspendUser', ({ chance }) => ({ suspended: chance.oneIn(8) })],
  ['setAdminLockUser', ({ chance }) => ({ locked: chance.oneIn(8) })],
  ['pingAppservice', () => ({ transaction_id: 'a' })],
  [
    'updateAppserviceRoomDirectoryVisibility',
    ({ chance }) => ({ visibility: chance.pick(['public', 'private']) }),
  ],
  ['putDelayedEvent', delayed],
  ['putUnstableDelayedEvent', delayed],
  ['updateUnstableDelayedEvent', ({ chance }) => ({ action: chance.pick(['restart', 'send', 'cancel']) })],
  [
    'uploadCrossSigningKeys',
    (draft) => ({ ...crossSigning(draft.user.userId).upload, ...withPassword(draft) }),
  ],
  ['uploadCrossSigningSignatures', signatures],
  ['putDehydratedDevice', dehydratedDevice],
  ['getDehydratedDeviceEvents', ({ chance }) => (chance.oneIn(2) ? {} : { next_batch: 's1' })],
  ['updateDevice', () => ({ display_name: 'my device' })],
  ['deleteDevice', withPassword],
  ['deleteDevices', (draft) => ({ devices: [draft.user.deviceId], ...withPassword(draft) })],
  ['defineFilter', filter],
  ['createFuture', future],
  ['refreshFuture', futureToken],
  ['refreshFutureByPut', futureToken],
  ['sendFutureAction', futureToken],
  ['sendFutureActionByPut', futureToken],
  ['cancelFuture', futureToken],
  ['cancelFutureByPut', futureToken],
  [
    'postRoomKeysVersion',
    () => ({ algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: { public_key: 'abc' } }),
  ],
  [
    'putRoomKeysVersion',
    ({ params }) => ({
      algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2',
      auth_data: { public_key: 'abc' },
      version: params['version'] ?? '1',
    }),
  ],
  [
    'putRoomKeys',
    ({ room, chance }) => ({ rooms: { [room.roomId]: { sessions: { s: keyBackupSession(chance) } } } }),
  ],
  ['putRoomKeysByRoomId', ({ chance }) => ({ sessions: { s: keyBackupSession(chance) } })],
  ['putRoomKeyBySessionId', ({ chance }) => keyBackupSession(chance)],
  ['uploadKeys', keysUpload],
  [
    'queryKeys',
    (draft) => ({ timeout: 1000, device_keys: { [someUser(draft)]: [], '@x:elsewhere.invalid': [] } }),
  ],
  [
    'claimKeys',
    ({ scene }) => ({
      one_time_keys: Object.fromEntries(
        scene.members.map(({ userId, deviceId }) => [userId, { [deviceId]: 'signed_curve25519' }]),
      ),
    }),
  ],
  ['login', login],
  ['refresh', ({ chance, scene }) => ({ refresh_token: chance.pick(scene.refreshTokens) })],
  ['generateLoginToken', withPassword],
  ['requestOpenIdToken', () => ({})],
  ['setPresence', ({ chance }) => ({ presence: chance.pick(['online', 'unavailable']), status_msg: 'here' })],
  ['setProfileField', profileField],
  ['setPushRule', pushRule],
  ['setPushRuleEnabled', ({ chance }) => ({ enabled: chance.oneIn(2) })],
  ['setPushRuleActions', (draft) => ({ actions: pushRule(draft)['actions'] ?? [] })],
  ['postPusher', pusher],
  [
    'postReceipt',
    (draft) => (draft.chance.oneIn(2) ? {} : { thread_id: draft.chance.pick(['main', someEvent(draft)]) }),
  ],
  ['setReadMarker', readMarkers],
  ['register', register],
  [
    'createRegistrationToken',
    ({ chance }) => ({ uses_allowed: chance.below(5), length: 1 + chance.below(64) }),
  ],
  ['updateRegistrationToken', ({ chance }) => ({ uses_allowed: chance.below(5), expiry_time: null })],
  ['reportEvent', () => ({ reason: 'rude', score: -100 })],
  ['reportRoom', () => ({ reason: 'rude' })],
  ['reportUser', () => ({ reason: 'rude' })],
  ['setRoomAlias', ({ room }) => ({ room_id: room.roomId })],
  [
    'queryPublicRooms',
    ({ chance }) => ({
      limit: 1 + chance.below(20),
      filter: { generic_search_term: chance.pick(['a', 'room', '%']), room_types: [null, 'm.space'] },
    }),
  ],
  ['setRoomVisibilityOnDirectory', ({ chance }) => ({ visibility: chance.pick(['public', 'private']) })],
  ['inviteUser', (draft) => ({ user_id: someUser(draft), reason: 'come' })],
  ['joinRoomById', () => ({ reason: 'hello' })],
  ['joinRoom', () => ({ reason: 'hello' })],
  ['knockRoom', () => ({ reason: 'hello' })],
  ['leaveRoom', () => ({ reason: 'bye' })],
  ['kick', (draft) => ({ user_id: draft.chance.pick(draft.scene.victims).userId })],
  ['ban', (draft) => ({ user_id: draft.chance.pick(draft.scene.victims).userId })],
  ['unban', (draft) => ({ user_id: draft.chance.pick(draft.scene.victims).userId })],
  ['sendMessage', message],
  ['redactEvent', () => ({ reason: 'a mistake' })],
  ['setRoomStateWithKey', stateContent],
  ['setRoomStateWithEmptyKey', stateContent],
  ['upgradeRoom', ({ chance }) => ({ new_version: chance.pick(['11', '12']) })],
  ['createRoom', createRoom],
  ['search', search],
  ['setRoomTag', ({ chance }) => ({ order: chance.fraction() })],
  [
    'sendToDevice',
    (draft) => ({ messages: { [someUser(draft)]: { '*': { a: 1 }, [draft.user.deviceId]: { b: 2 } } } }),
  ],
  ['sendServerNotice', notice],
  ['sendServerNoticeOnce', notice],
  ['subscribeToThread', (draft) => (draft.chance.oneIn(3) ? { automatic: someEvent(draft) } : {})],
  ['setTyping', ({ chance }) => ({ typing: chance.oneIn(2), timeout: 1 + chance.below(5000) })],
  [
    'searchUserDirectory',
    ({ chance }) => ({ search_term: chance.pick(['a', 'victim', 'İ', '%']), limit: 5 }),
  ],
]);
