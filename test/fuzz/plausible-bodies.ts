import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import type { Chance } from './chance.ts';
import { crossSigning } from '../support/encryption.ts';
import { someEvent, someUser, type Draft } from './draft.ts';
import {
  bySharedSecret,
  dehydratedDevice,
  keysUpload,
  login,
  profileField,
  register,
  signatures,
  withPassword,
} from './plausible-accounts.ts';
import { createRoom, delayed, future, message, stateContent } from './plausible-events.ts';

type MakeBody = (draft: Draft) => JsonValue;

/** What the body of an endpoint may be that nothing is known of: some keys that many have. */
export function plausibleBody(name: string, draft: Draft): JsonValue {
  const make = BODIES.get(name);
  if (make !== undefined) return make(draft);
  return { user_id: someUser(draft), room_id: draft.room.roomId, reason: 'because', type: 'm.x', data: {} };
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

function keyBackupSession(chance: Chance): JsonObject {
  return {
    first_message_index: chance.below(10),
    forwarded_count: chance.below(10),
    is_verified: chance.oneIn(2),
    session_data: { ephemeral: 'a', ciphertext: 'b', mac: 'c' },
  };
}

function readMarkers(draft: Draft): JsonObject {
  return {
    'm.fully_read': someEvent(draft),
    'm.read': someEvent(draft),
    'm.read.private': someEvent(draft),
  };
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
