import type { JsonObject, JsonValue } from '../util/json.ts';
import { isJsonObject } from '../util/json.ts';
import type { Pdu } from './event.ts';
import type { RedactionRules, RoomVersionRules } from './room-version.ts';

const KEPT_KEYS = [
  'auth_events',
  'content',
  'depth',
  'event_id',
  'hashes',
  'origin_server_ts',
  'prev_events',
  'room_id',
  'sender',
  'signatures',
  'state_key',
  'type',
] as const;
const LEGACY_KEPT_KEYS = ['membership', 'origin', 'prev_state'] as const;

const POWER_LEVEL_KEYS = [
  'ban',
  'events',
  'events_default',
  'kick',
  'redact',
  'state_default',
  'users',
  'users_default',
] as const;

const NO_CONTENT: JsonObject = {};

/**
 * The event without all that redaction removes: what its signatures and its reference hash cover. The given event is
 * left as it is. https://spec.matrix.org/v1.19/client-server-api/#redactions
 */
export function redactPdu(pdu: Pdu, rules: RoomVersionRules): Pdu {
  const kept: Record<string, JsonValue> = {};
  copyMembers(pdu, KEPT_KEYS, kept);
  if (rules.redaction.keepsLegacyTopLevelKeys) copyMembers(pdu, LEGACY_KEPT_KEYS, kept);
  return {
    ...kept,
    type: pdu.type,
    sender: pdu.sender,
    content: redactContent(pdu.type, pdu.content, rules),
    depth: pdu.depth,
    origin_server_ts: pdu.origin_server_ts,
    prev_events: pdu.prev_events,
    auth_events: pdu.auth_events,
  };
}

/** What redaction leaves of the content of an event of this type. */
export function redactContent(type: string, content: JsonObject, rules: RoomVersionRules): JsonObject {
  const { redaction } = rules;
  if (type === 'm.room.create' && redaction.keepsV11Content) return content;
  if (type === 'm.room.member') return redactMember(content, redaction);
  const keys = listKeptContentKeys(type, redaction);
  return keys.length === 0 ? NO_CONTENT : pick(content, keys);
}

function listKeptContentKeys(type: string, rules: RedactionRules): readonly string[] {
  switch (type) {
    case 'm.room.create':
      return ['creator'];
    case 'm.room.join_rules':
      return rules.keepsJoinRuleAllow ? ['allow', 'join_rule'] : ['join_rule'];
    case 'm.room.power_levels':
      return rules.keepsV11Content ? [...POWER_LEVEL_KEYS, 'invite'] : POWER_LEVEL_KEYS;
    case 'm.room.history_visibility':
      return ['history_visibility'];
    case 'm.room.aliases':
      return rules.keepsAliases ? ['aliases'] : [];
    case 'm.room.redaction':
      return rules.keepsV11Content ? ['redacts'] : [];
    default:
      return [];
  }
}

function redactMember(content: JsonObject, rules: RedactionRules): JsonObject {
  const keys = rules.keepsMemberAuthoriser
    ? ['join_authorised_via_users_server', 'membership']
    : ['membership'];
  const kept = pick(content, keys);
  const thirdPartyInvite = content['third_party_invite'];
  if (!rules.keepsV11Content || !isJsonObject(thirdPartyInvite)) return kept;
  return { ...kept, third_party_invite: pick(thirdPartyInvite, ['signed']) };
}

function pick(object: JsonObject, keys: readonly string[]): JsonObject {
  const kept: Record<string, JsonValue> = {};
  copyMembers(object, keys, kept);
  return kept;
}

/** The names are ours, never the sender's, so that plain assignment is safe. */
function copyMembers(object: JsonObject, keys: readonly string[], target: Record<string, JsonValue>): void {
  for (const key of keys) {
    const value = object[key];
    if (value !== undefined) target[key] = value;
  }
}
