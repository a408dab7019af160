import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { someEvent, someUser, type Draft } from './draft.ts';

/** A text, by itself or related to an event of the room. */
export function message(draft: Draft): JsonObject {
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
export function stateContent(draft: Draft): JsonValue {
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

/** A room of any kind and version. */
export function createRoom(draft: Draft): JsonObject {
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

/** A message or state, due at once or much later. */
export function delayed(draft: Draft): JsonObject {
  const { chance } = draft;
  return {
    content: message(draft),
    delay_ms: chance.pick([1, 50, 5000, 3_600_000]),
    ...(chance.oneIn(3) ? { state_key: chance.pick(['', 'a']) } : {}),
  };
}

/** A future with two actions. */
export function future(draft: Draft): JsonObject {
  const content = { type: 'm.room.message', content: message(draft) };
  return {
    timeout: draft.chance.pick([1, 50, 5000, 3_600_000]),
    send_on_timeout: content,
    send_on_action: { go: content, stop: { type: 'm.x', state_key: '', content: {} } },
    ...(draft.chance.oneIn(2) ? { send_now: { type: 'm.x', state_key: 'k', content: { a: 1 } } } : {}),
  };
}
