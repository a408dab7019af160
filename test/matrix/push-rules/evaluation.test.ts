import assert from 'node:assert/strict';
import { outcomeOf } from '../../../src/matrix/push-rules/evaluation.ts';
import type { UserPushRule } from '../../../src/matrix/push-rules/ruleset.ts';
import type { JsonObject } from '../../../src/util/json.ts';
import { evaluate, MATCHED, message, rule } from './evaluate.ts';

describe('the rules of a user', () => {
  it('are looked at by kind, and in one kind from the first to the last', () => {
    const rules = [
      rule('underride', 'u', { actions: [tweak('underride')] }),
      rule('sender', '@bob:test', { actions: [tweak('sender')] }),
      rule('room', '!room:test', { actions: [tweak('room')] }),
      rule('content', 'c1', { pattern: 'hi', actions: [tweak('first')] }),
      rule('content', 'c2', { pattern: 'hi', actions: [tweak('second')] }),
      rule('override', 'o', { actions: [tweak('override')] }),
    ];
    const winners = (left: readonly UserPushRule[]): unknown => evaluate(left, [], message('hi'), {})[0];
    assert.deepEqual(winners(rules), tweak('override'));
    assert.deepEqual(winners(rules.slice(0, 5)), tweak('first'));
    assert.deepEqual(winners([...rules.slice(0, 3), ...rules.slice(4, 5)]), tweak('second'));
    assert.deepEqual(winners(rules.slice(0, 3)), tweak('room'));
    assert.deepEqual(winners(rules.slice(0, 2)), tweak('sender'));
    assert.deepEqual(winners(rules.slice(0, 1)), tweak('underride'));
  });

  it('match the room and the sender that they are named after, and no other', () => {
    const elsewhere = [
      rule('room', '!other:test', { actions: MATCHED }),
      rule('sender', '@carol:test', { actions: MATCHED }),
    ];
    assert.deepEqual(evaluate(elsewhere, [], message('hi'), {}), ['notify']);
  });

  it('do not match while they are disabled', () => {
    const off = { ...rule('override', 'mine', { actions: MATCHED }), enabled: false };
    assert.deepEqual(evaluate([off], [], message('hi'), {}), ['notify']);
  });

  it('do nothing by actions of old', () => {
    const old = rule('override', 'mine', { actions: ['dont_notify', 'coalesce'] });
    assert.deepEqual(evaluate([old], [], message('hi'), {}), []);
  });
});

describe('actions', () => {
  it('notify only when they say so', () => {
    assert.equal(outcomeOf(['notify']).notifies, true);
    assert.equal(outcomeOf([{ set_tweak: 'sound', value: 'default' }]).notifies, false);
  });

  it('set tweaks, and a highlight without a value is one', () => {
    assert.deepEqual(
      outcomeOf(['notify', { set_tweak: 'sound', value: 'ring' }, { set_tweak: 'highlight' }]),
      {
        notifies: true,
        highlights: true,
        tweaks: { sound: 'ring', highlight: true },
      },
    );
    assert.equal(outcomeOf(['notify', { set_tweak: 'highlight', value: false }]).highlights, false);
    assert.equal(outcomeOf(['notify']).highlights, false);
  });
});

function tweak(name: string): JsonObject {
  return { set_tweak: name };
}
