import assert from 'node:assert/strict';
import { parseRoomId, type RoomId } from '../../../src/matrix/identifiers.ts';
import type { PushRuleKind } from '../../../src/matrix/push-rules/push-rule.ts';
import { listReplacementRules } from '../../../src/matrix/push-rules/replaced-room.ts';
import type { UserPushRule } from '../../../src/matrix/push-rules/ruleset.ts';
import type { JsonObject } from '../../../src/util/json.ts';

const [OLD, NEW] = [roomId('!old:test'), roomId('!new:test')];

function roomId(text: string): RoomId {
  const parsed = parseRoomId(text);
  assert.ok(parsed);
  return parsed;
}

function rule(kind: PushRuleKind, ruleId: string, ...conditions: readonly JsonObject[]): UserPushRule {
  return { kind, ruleId, enabled: false, conditions, pattern: undefined, actions: [] };
}

const inRoom = (pattern: string): JsonObject => ({ kind: 'event_match', key: 'room_id', pattern });
const added = (...rules: readonly UserPushRule[]): unknown =>
  listReplacementRules(rules, OLD, NEW).map((one) => [one.rule, one.afterRuleId]);

describe('the push rules for a room that replaces another', () => {
  it('are its room rule and those with a condition on it', () => {
    const loud = { kind: 'event_match', key: 'content.body', pattern: OLD };
    assert.deepEqual(
      added(
        rule('room', OLD),
        rule('override', OLD, inRoom(OLD), loud),
        rule('underride', `quiet ${OLD}`, inRoom(OLD)),
      ),
      [
        [rule('room', NEW), OLD],
        [rule('override', NEW, inRoom(NEW), loud), OLD],
        [rule('underride', `quiet ${NEW}`, inRoom(NEW)), `quiet ${OLD}`],
      ],
    );
  });

  it('are named after the room where the name of the old rule says nothing of it', () => {
    const rules = [rule('override', 'mute', inRoom(OLD)), rule('override', 'mute too', inRoom(OLD))];
    assert.deepEqual(added(...rules), [[rule('override', NEW, inRoom(NEW)), 'mute']]);
  });

  it('are none for rules about other rooms, senders and words, or that are there', () => {
    assert.deepEqual(
      added(
        rule('room', '!other:test'),
        rule('sender', OLD),
        rule('content', OLD),
        rule('override', 'other', inRoom('!other:test')),
        rule('override', 'pattern', inRoom('!o*')),
      ),
      [],
    );
    assert.deepEqual(added(rule('room', OLD), rule('room', NEW)), []);
  });

  it('are none where the room has an id that no rule can have', () => {
    assert.deepEqual(listReplacementRules([rule('room', OLD)], OLD, roomId('!a/b:test')), []);
  });
});
