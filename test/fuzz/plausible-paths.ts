import type { Chance } from './chance.ts';
import { DEHYDRATED, type Draft } from './draft.ts';
import { oddNumeral, oddText, oddToken } from './odd-values.ts';

const EVENT_TYPES = [
  'm.room.message',
  'm.room.message',
  'm.reaction',
  'm.x',
  'm.room.name',
  'm.room.topic',
  'm.room.member',
  'm.room.power_levels',
  'm.room.canonical_alias',
  'm.room.join_rules',
  'm.room.history_visibility',
  'm.room.guest_access',
  'm.room.avatar',
  'm.space.child',
  'm.room.encryption',
  'm.room.tombstone',
  'm.room.redaction',
  'm.room.create',
  'm.room.server_acl',
  'm.room.third_party_invite',
  'm.room.encrypted',
];

/** Parameters that do not fit together lead nowhere: each one knows those before it. */
type MakeText = (draft: Draft) => string;

/** Types of which the rooms have state. */
const STATE_TYPES = EVENT_TYPES.filter((type) =>
  /^m\.(?:room\.(?!message|redaction|encrypted$)|space|x)/.test(type),
);
const CAN_BE_STATE = /State/;

const PARAMETERS: Readonly<Record<string, MakeText>> = {
  roomId: ({ room }) => room.roomId,
  roomIdOrAlias: ({ room, chance }) => (chance.oneIn(2) ? (room.alias ?? room.roomId) : room.roomId),
  roomAlias: ({ room, chance }) => room.alias ?? `#new${chance.below(1e6)}:localhost`,
  userId: ({ name, user, scene, chance }) =>
    /Admin|hadowBan/.test(name) || chance.oneIn(10)
      ? chance.pick([...scene.victims, scene.stranger]).userId
      : user.userId,
  eventId: ({ room, chance }) => chance.pick(room.eventIds),
  deviceId: ({ name, user }) => (/Dehydrated/.test(name) ? DEHYDRATED : user.deviceId),
  eventType: ({ name, chance }) => chance.pick(CAN_BE_STATE.test(name) ? STATE_TYPES : EVENT_TYPES),
  stateKey: ({ user, chance, params, scene }) => {
    if (params['eventType'] === 'm.room.member') return chance.pick([user, ...scene.victims]).userId;
    if (params['eventType'] === 'm.space.child') return scene.rooms[0]?.roomId ?? '';
    return chance.pick(['', '', 'a', user.userId, `${user.userId}_x`]);
  },
  txnId: ({ chance }) => `t${chance.below(1e6)}`,
  type: ({ chance }) =>
    chance.pick(['m.direct', 'm.x', 'm.ignored_user_list', 'm.push_rules', 'm.fully_read']),
  filterId: ({ scene, chance }) => chance.pick(scene.filterIds),
  serverName: ({ chance }) => chance.pick(['localhost', 'localhost', 'localhost', 'elsewhere.invalid']),
  mediaId: ({ scene, chance }) => chance.pick([...scene.media, ...scene.media, ...scene.pendingMedia]),
  fileName: ({ chance }) => chance.pick(['a.png', 'ü.txt', 'a"b;c.html']),
  kind: ({ chance }) => chance.pick(['override', 'underride', 'sender', 'room', 'content']),
  ruleId: ({ scene, chance, params: { kind } }) => {
    if (kind === 'room') return scene.rooms[0]?.roomId ?? '';
    if (kind === 'sender') return scene.members[1]?.userId ?? '';
    return chance.pick(
      kind === 'override' ? ['mine', '.m.rule.master', '.m.rule.tombstone'] : ['mine', 'mine', 'other'],
    );
  },
  keyName: ({ chance }) => chance.pick(['displayname', 'avatar_url', 'm.tz', 'org.x']),
  tag: ({ chance }) => chance.pick(['m.favourite', 'u.mine']),
  delayId: ({ scene, chance }) => chance.pick(scene.delayIds),
  action: ({ chance }) => chance.pick(['restart', 'restart', 'send', 'cancel']),
  actionName: ({ chance }) => chance.pick(['go', 'stop']),
  protocol: () => 'irc',
  networkId: () => 'net',
  // Without a backup most of what is said of backups is refused.
  version: ({ name, scene, chance }) =>
    name === 'deleteRoomKeysVersion' && !chance.oneIn(8) ? '999' : chance.pick(scene.backupVersions),
  sessionId: () => 's',
  relType: ({ chance }) => chance.pick(['m.thread', 'm.annotation', 'm.replace', 'm.reference']),
  receiptType: ({ chance }) => chance.pick(['m.read', 'm.read.private', 'm.fully_read']),
  token: ({ scene, chance }) => chance.pick(scene.registrationTokens),
  appserviceId: () => 'irc',
};

/** Values for the parameters of a path; for unknown names there is a word. */
export function plausibleParams(
  names: readonly string[],
  draft: Omit<Draft, 'params'>,
): Readonly<Record<string, string>> {
  return names.reduce<Readonly<Record<string, string>>>((params, name) => {
    const make = PARAMETERS[name] ?? (() => 'x');
    return { ...params, [name]: make({ ...draft, params }) };
  }, {});
}

type MakeQuery = (draft: Omit<Draft, 'params'>) => Readonly<Record<string, string>>;

const dirAndLimit: MakeQuery = ({ chance, scene }) => ({
  dir: chance.pick(['f', 'b']),
  limit: String(chance.below(30)),
  ...(chance.oneIn(2) ? { from: chance.pick(scene.streamTokens) } : {}),
});

/** What endpoints cannot do without, and what leads further into them. */
const QUERIES: Readonly<Record<string, MakeQuery>> = {
  getRoomEvents: (draft) => ({
    ...dirAndLimit(draft),
    ...(draft.chance.oneIn(3) ? { filter: '{"types":["m.room.*"],"lazy_load_members":true}' } : {}),
  }),
  getRelatingEvents: (draft) => ({ ...dirAndLimit(draft), recurse: 'true' }),
  getRelatingEventsWithRelType: dirAndLimit,
  getRelatingEventsWithRelTypeAndEventType: dirAndLimit,
  getThreadRoots: ({ chance }) => ({ include: chance.pick(['all', 'participated']), limit: '5' }),
  getEventByTimestamp: ({ chance }) => ({ ts: String(chance.below(4e12)), dir: chance.pick(['f', 'b']) }),
  getSpaceHierarchy: ({ chance }) => ({
    limit: '5',
    max_depth: '2',
    suggested_only: chance.pick(['true', 'false']),
  }),
  getKeysChanges: ({ scene, chance }) => ({
    from: chance.pick(scene.streamTokens),
    to: chance.pick(scene.streamTokens),
  }),
  getContentThumbnail: ({ chance }) => thumbnailQuery(chance),
  getContentThumbnailAuthed: ({ chance }) => thumbnailQuery(chance),
  getContent: () => ({ timeout_ms: '0' }),
  getContentAuthed: () => ({ timeout_ms: '0' }),
  getContentOverrideName: () => ({ timeout_ms: '0' }),
  getContentOverrideNameAuthed: () => ({ timeout_ms: '0' }),
  uploadContent: () => ({ filename: 'a file' }),
  getUrlPreview: pageQuery,
  getUrlPreviewAuthed: pageQuery,
  checkUsernameAvailability: ({ chance }) => ({ username: `free${chance.below(1e9)}` }),
  registrationTokenValidity: ({ scene, chance }) => ({ token: chance.pick(scene.registrationTokens) }),
  exchangeOpenIdToken: ({ scene, chance }) => ({ access_token: chance.pick(scene.openIdTokens) }),
  getMutualRooms: ({ scene, chance }) => ({ user_id: chance.pick(scene.members).userId }),
  queryLocationByAlias: () => ({ alias: '#irc_x:localhost' }),
  queryUserByID: () => ({ userid: '@irc_x:localhost' }),
  getMembersByRoom: ({ scene, chance }) =>
    chance.oneIn(2) ? {} : { at: chance.pick(scene.streamTokens), not_membership: 'leave' },
  getRoomKeys: backupVersion,
  getRoomKeysByRoomId: backupVersion,
  getRoomKeyBySessionId: backupVersion,
  putRoomKeys: backupVersion,
  putRoomKeysByRoomId: backupVersion,
  putRoomKeyBySessionId: backupVersion,
  deleteRoomKeys: backupVersion,
  deleteRoomKeysByRoomId: backupVersion,
  deleteRoomKeyBySessionId: backupVersion,
  sync: ({ scene, chance }) => ({
    timeout: chance.pick(['0', '0', '0', '30000']),
    ...(chance.oneIn(2) ? { since: chance.pick(scene.streamTokens) } : {}),
    ...(chance.oneIn(3)
      ? { filter: chance.pick([...scene.filterIds, '{"room":{"timeline":{"limit":1}}}']) }
      : {}),
    ...(chance.oneIn(3) ? { full_state: 'true', use_state_after: 'true' } : {}),
  }),
  peekEvents: ({ room, scene, chance }) => ({
    room_id: room.roomId,
    timeout: '0',
    from: chance.pick(scene.streamTokens),
  }),
  getNotifications: ({ chance }) => ({ limit: '5', ...(chance.oneIn(2) ? { only: 'highlight' } : {}) }),
  listDelayedEvents: ({ chance }) => ({ status: chance.pick(['scheduled', 'finalised']), dir: 'f' }),
  sendMessage: maybeDelayed,
  setRoomStateWithKey: maybeDelayed,
  setRoomStateWithEmptyKey: maybeDelayed,
  setPushRule: ({ chance }) => (chance.oneIn(4) ? { before: 'mine' } : {}),
};

function thumbnailQuery(chance: Chance): Readonly<Record<string, string>> {
  return {
    width: String(1 + chance.below(200)),
    height: String(1 + chance.below(200)),
    method: chance.pick(['crop', 'scale']),
    timeout_ms: '0',
  };
}

function backupVersion({ scene, chance }: Omit<Draft, 'params'>): Readonly<Record<string, string>> {
  return { version: chance.pick(scene.backupVersions) };
}

function pageQuery({ scene, chance }: Omit<Draft, 'params'>): Readonly<Record<string, string>> {
  return { url: new URL(`/page/${chance.below(1000)}`, scene.pusherUrl).href };
}

function maybeDelayed({ chance }: Omit<Draft, 'params'>): Readonly<Record<string, string>> {
  if (chance.oneIn(6)) return { 'org.matrix.msc4140.delay': String(1 + chance.below(5000)) };
  return chance.oneIn(6) ? { 'org.matrix.msc4354.sticky_duration_ms': '60000' } : {};
}

/** The query of an endpoint, not escaped. */
export function plausibleQuery(name: string, draft: Omit<Draft, 'params'>): [string, string][] {
  return Object.entries(QUERIES[name]?.(draft) ?? {});
}

/** Names that some endpoint reads from its query. */
const QUERY_NAMES = [
  'limit',
  'from',
  'to',
  'since',
  'ts',
  'dir',
  'timeout',
  'timeout_ms',
  'filter',
  'at',
  'membership',
  'not_membership',
  'version',
  'user_id',
  'device_id',
  'room_id',
  'status',
  'from_ts',
  'to_ts',
  'only',
  'next_batch',
  'before',
  'after',
  'via',
  'server_name',
  'kind',
  'include',
  'recurse',
  'max_depth',
  'width',
  'height',
  'full_state',
  'set_presence',
  'org.matrix.msc4140.delay',
  'org.matrix.msc4140.parent_delay_id',
  'org.matrix.msc4354.sticky_duration_ms',
  'access_token',
];

const NUMERIC = /limit|ts$|timeout|delay|duration|depth|width|height|version/;
const POSITION = /from$|^to$|since|at$|batch/;

/** Something odd for a parameter of a query. */
export function oddQueryEntry(
  chance: Chance,
  present: readonly (readonly [string, string])[],
): [string, string] {
  const name = present.length > 0 && chance.oneIn(2) ? chance.pick(present)[0] : chance.pick(QUERY_NAMES);
  if (chance.oneIn(3)) return [name, oddText(chance)];
  if (NUMERIC.test(name)) return [name, oddNumeral(chance)];
  if (POSITION.test(name)) return [name, oddToken(chance)];
  return [name, chance.pick([oddText, oddNumeral, oddToken])(chance)];
}
