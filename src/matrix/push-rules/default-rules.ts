import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../util/json.ts';
import { localpartOf, type UserId } from '../identifiers.ts';
import type { PushRule, PushRuleset } from './push-rule.ts';

/** Which rules every user has, as an operator wishes. */
export interface PredefinedRules {
  /** With the rules that look for names in the body, which v1.17 of the specification dropped. */
  readonly legacyMentions: boolean;
  /** With those by which messages in a thread notify who subscribed to it, and nobody else unless they are mentioned (MSC4306). */
  readonly threadSubscriptions: boolean;
}

/** Matches everything and, alone among the rules that every user has, comes before those that users write. */
export const MASTER_RULE_ID = '.m.rule.master';

const SOUND: JsonValue = { set_tweak: 'sound', value: 'default' };
const RING: JsonValue = { set_tweak: 'sound', value: 'ring' };
const HIGHLIGHT: JsonValue = { set_tweak: 'highlight' };

/**
 * The rules that every user has, in their order. Those that do not name the user are the same objects for everybody.
 * https://spec.matrix.org/v1.19/client-server-api/#predefined-rules
 * Those for polls are of MSC3930, under the names of events and rules that clients use until the specification has them:
 * https://github.com/matrix-org/matrix-spec-proposals/pull/3930
 */
export function defaultPushRules(userId: UserId, predefined: PredefinedRules): PushRuleset {
  const { legacyMentions, threadSubscriptions } = predefined;
  return {
    override: [
      MASTER,
      NOTICES,
      rule(
        '.m.rule.invite_for_me',
        [
          matches('type', 'm.room.member'),
          matches('content.membership', 'invite'),
          matches('state_key', userId),
        ],
        ['notify', SOUND],
      ),
      MEMBER_EVENTS,
      rule(
        '.m.rule.is_user_mention',
        [{ kind: 'event_property_contains', key: 'content.m\\.mentions.user_ids', value: userId }],
        ['notify', SOUND, HIGHLIGHT],
      ),
      ...(legacyMentions ? [CONTAINS_DISPLAY_NAME] : []),
      IS_ROOM_MENTION,
      ...(legacyMentions ? [ROOM_NOTIFICATION] : []),
      ...LATER_OVERRIDES,
    ],
    content: legacyMentions ? [containsUserName(userId)] : [],
    postcontent: threadSubscriptions ? THREADS : [],
    room: [],
    sender: [],
    underride: UNDERRIDES,
  };
}

/**
 * Whether these rules may answer an event otherwise for one user than for another, subscriptions to threads apart: it may
 * name a user. False is certain.
 */
export function mayNameUser({ type, content }: JsonObject, { legacyMentions }: PredefinedRules): boolean {
  if (type === 'm.room.member') return true;
  const mentions = isJsonObject(content) ? content['m.mentions'] : undefined;
  if (!isJsonObject(mentions)) return legacyMentions;
  const { user_ids: userIds } = mentions;
  return isJsonArray(userIds) && userIds.length > 0;
}

const MASTER: PushRule = { ...rule(MASTER_RULE_ID, [], []), enabled: false };
const NOTICES = rule('.m.rule.suppress_notices', [matches('content.msgtype', 'm.notice')], []);
const MEMBER_EVENTS = rule('.m.rule.member_event', [matches('type', 'm.room.member')], []);

const IS_ROOM_MENTION = rule(
  '.m.rule.is_room_mention',
  [
    { kind: 'event_property_is', key: 'content.m\\.mentions.room', value: true },
    { kind: 'sender_notification_permission', key: 'room' },
  ],
  ['notify', HIGHLIGHT],
);

const CONTAINS_DISPLAY_NAME = rule(
  '.m.rule.contains_display_name',
  [{ kind: 'contains_display_name' }],
  ['notify', SOUND, HIGHLIGHT],
);
const ROOM_NOTIFICATION = rule(
  '.m.rule.roomnotif',
  [matches('content.body', '@room'), { kind: 'sender_notification_permission', key: 'room' }],
  ['notify', HIGHLIGHT],
);
const USER_NAME_RULE_ID = '.m.rule.contains_user_name';

/** What a name in the body of an event meant until clients said whom they mention: it counts for no event that does. */
export const LEGACY_MENTION_RULE_IDS: ReadonlySet<string> = new Set([
  CONTAINS_DISPLAY_NAME.ruleId,
  ROOM_NOTIFICATION.ruleId,
  USER_NAME_RULE_ID,
]);

function containsUserName(userId: UserId): PushRule {
  return {
    ...rule(USER_NAME_RULE_ID, [], ['notify', SOUND, HIGHLIGHT]),
    pattern: localpartOf(userId),
  };
}

const LATER_OVERRIDES: readonly PushRule[] = [
  rule(
    '.m.rule.tombstone',
    [matches('type', 'm.room.tombstone'), matches('state_key', '')],
    ['notify', HIGHLIGHT],
  ),
  rule('.m.rule.reaction', [matches('type', 'm.reaction')], []),
  rule('.m.rule.room.server_acl', [matches('type', 'm.room.server_acl'), matches('state_key', '')], []),
  rule(
    '.m.rule.suppress_edits',
    [{ kind: 'event_property_is', key: 'content.m\\.relates_to.rel_type', value: 'm.replace' }],
    [],
  ),
  rule('.org.matrix.msc3930.rule.poll_response', [matches('type', 'org.matrix.msc3381.poll.response')], []),
];

const THREADS: readonly PushRule[] = [
  rule('.io.element.msc4306.rule.unsubscribed_thread', [threadSubscription(false)], []),
  rule('.io.element.msc4306.rule.subscribed_thread', [threadSubscription(true)], ['notify', SOUND]),
];

const ONE_TO_ONE: JsonObject = { kind: 'room_member_count', is: '2' };

const POLL_START = matches('type', 'org.matrix.msc3381.poll.start');
const POLL_END = matches('type', 'org.matrix.msc3381.poll.end');

const UNDERRIDES: readonly PushRule[] = [
  rule('.m.rule.call', [matches('type', 'm.call.invite')], ['notify', RING]),
  rule(
    '.m.rule.encrypted_room_one_to_one',
    [ONE_TO_ONE, matches('type', 'm.room.encrypted')],
    ['notify', SOUND],
  ),
  rule('.m.rule.room_one_to_one', [ONE_TO_ONE, matches('type', 'm.room.message')], ['notify', SOUND]),
  rule('.m.rule.message', [matches('type', 'm.room.message')], ['notify']),
  rule('.m.rule.encrypted', [matches('type', 'm.room.encrypted')], ['notify']),
  rule('.org.matrix.msc3930.rule.poll_start_one_to_one', [ONE_TO_ONE, POLL_START], ['notify', SOUND]),
  rule('.org.matrix.msc3930.rule.poll_end_one_to_one', [ONE_TO_ONE, POLL_END], ['notify', SOUND]),
  rule('.org.matrix.msc3930.rule.poll_start', [POLL_START], ['notify']),
  rule('.org.matrix.msc3930.rule.poll_end', [POLL_END], ['notify']),
];

function rule(ruleId: string, conditions: readonly JsonObject[], actions: readonly JsonValue[]): PushRule {
  return { ruleId, isDefault: true, enabled: true, conditions, pattern: undefined, actions };
}

function threadSubscription(subscribed: boolean): JsonObject {
  return { kind: 'io.element.msc4306.thread_subscription', subscribed };
}

/** A user id can be a pattern: those of this server's users hold no `*` or `?`. */
function matches(key: string, pattern: string): JsonObject {
  return { kind: 'event_match', key, pattern };
}
