import assert from 'node:assert/strict';
import { defaultPushRules } from '../../../src/matrix/push-rules/default-rules.ts';
import type { PushRuleKind } from '../../../src/matrix/push-rules/push-rule.ts';
import type { DefaultRuleChange, UserPushRule } from '../../../src/matrix/push-rules/ruleset.ts';
import type { JsonObject } from '../../../src/util/json.ts';
import { ALICE, evaluate, message, rule, type Facts } from './evaluate.ts';

const NO_MORE = { legacyMentions: false, threadSubscriptions: false };
const NOISY = '["notify",{"set_tweak":"sound","value":"default"}]';
const LOUD = '["notify",{"set_tweak":"sound","value":"default"},{"set_tweak":"highlight"}]';

type DefaultCase = readonly [what: string, event: JsonObject, facts: Facts, actions: string];

describe('the rules that everybody has', () => {
  const cases: readonly DefaultCase[] = [
    ['a message', message('hi'), {}, '["notify"]'],
    ['a message in a room of two', message('hi'), { memberCount: 2 }, NOISY],
    ['an encrypted event', { type: 'm.room.encrypted', content: {} }, {}, '["notify"]'],
    [
      'an encrypted event in a room of two',
      { type: 'm.room.encrypted', content: {} },
      { memberCount: 2 },
      NOISY,
    ],
    ['a notice', { type: 'm.room.message', content: { msgtype: 'm.notice', body: 'x' } }, {}, '[]'],
    ['a notice that mentions', mention({ user_ids: ['@alice:test'] }, 'm.notice'), {}, '[]'],
    ['the own invite', invite('@alice:test'), {}, NOISY],
    ['an invite of another', invite('@bob:test'), {}, '[]'],
    ['a join', { type: 'm.room.member', state_key: '@bob:test', content: { membership: 'join' } }, {}, '[]'],
    ['a mention', mention({ user_ids: ['@bob:test', '@alice:test'] }), {}, LOUD],
    ['a mention of another', mention({ user_ids: ['@alice:test.example'] }), {}, '["notify"]'],
    ['a user id in the body alone', message('@alice:test'), {}, '["notify"]'],
    [
      'a mention of the room',
      mention({ room: true }),
      { mayNotify: true },
      '["notify",{"set_tweak":"highlight"}]',
    ],
    ['a mention of the room without the power for it', mention({ room: true }), {}, '["notify"]'],
    [
      'a mention of the room that is no boolean',
      mention({ room: 'true' }),
      { mayNotify: true },
      '["notify"]',
    ],
    [
      'a tombstone',
      { type: 'm.room.tombstone', state_key: '', content: {} },
      {},
      '["notify",{"set_tweak":"highlight"}]',
    ],
    ['a tombstone that is no state', { type: 'm.room.tombstone', content: {} }, {}, '[]'],
    ['a reaction', { type: 'm.reaction', content: {} }, { memberCount: 2 }, '[]'],
    ['server ACLs', { type: 'm.room.server_acl', state_key: '', content: {} }, {}, '[]'],
    [
      'an edit',
      { type: 'm.room.message', content: { body: 'x', 'm.relates_to': { rel_type: 'm.replace' } } },
      {},
      '[]',
    ],
    [
      'an edit that mentions',
      {
        type: 'm.room.message',
        content: { 'm.mentions': { user_ids: ['@alice:test'] }, 'm.relates_to': { rel_type: 'm.replace' } },
      },
      {},
      LOUD,
    ],
    ['a call', { type: 'm.call.invite', content: {} }, {}, '["notify",{"set_tweak":"sound","value":"ring"}]'],
    ['what nobody knows', { type: 'org.example', content: {} }, {}, '[]'],
  ];
  for (const [what, event, facts, actions] of cases) {
    it(`answer ${what} with ${actions}`, () => {
      assert.equal(JSON.stringify(evaluate([], [], event, facts)), actions);
    });
  }

  it('have the ids and the order of the specification, and those for polls behind', () => {
    const ids = (kind: PushRuleKind): string[] =>
      defaultPushRules(ALICE, NO_MORE)[kind].map((rule) => rule.ruleId);
    assert.deepEqual(ids('override'), [
      '.m.rule.master',
      '.m.rule.suppress_notices',
      '.m.rule.invite_for_me',
      '.m.rule.member_event',
      '.m.rule.is_user_mention',
      '.m.rule.is_room_mention',
      '.m.rule.tombstone',
      '.m.rule.reaction',
      '.m.rule.room.server_acl',
      '.m.rule.suppress_edits',
      '.org.matrix.msc3930.rule.poll_response',
    ]);
    assert.deepEqual(ids('underride'), [
      '.m.rule.call',
      '.m.rule.encrypted_room_one_to_one',
      '.m.rule.room_one_to_one',
      '.m.rule.message',
      '.m.rule.encrypted',
      '.org.matrix.msc3930.rule.poll_start_one_to_one',
      '.org.matrix.msc3930.rule.poll_end_one_to_one',
      '.org.matrix.msc3930.rule.poll_start',
      '.org.matrix.msc3930.rule.poll_end',
    ]);
    assert.deepEqual([...ids('content'), ...ids('room'), ...ids('sender')], []);
  });

  it('have names in texts among them where an operator wants the older rules', () => {
    const ids = (kind: PushRuleKind): string[] =>
      defaultPushRules(ALICE, { ...NO_MORE, legacyMentions: true })[kind].map((rule) => rule.ruleId);
    assert.deepEqual(ids('override').slice(4, 9), [
      '.m.rule.is_user_mention',
      '.m.rule.contains_display_name',
      '.m.rule.is_room_mention',
      '.m.rule.roomnotif',
      '.m.rule.tombstone',
    ]);
    assert.deepEqual(ids('content'), ['.m.rule.contains_user_name']);
  });

  const byName: readonly DefaultCase[] = [
    ['a user id in the body', message('hello @alice:test!'), {}, LOUD],
    ['a name that only begins like it', message('alicent'), {}, '["notify"]'],
    ['a display name in the body', message('hello Al Ice'), { displayName: 'Al Ice' }, LOUD],
    [
      'a notice with the name',
      { type: 'm.room.message', content: { msgtype: 'm.notice', body: 'alice' } },
      {},
      '[]',
    ],
    ['@room', message('hey @room'), { mayNotify: true }, '["notify",{"set_tweak":"highlight"}]'],
    ['@room without the power for it', message('hey @room'), {}, '["notify"]'],
    [
      'the name in an event that says whom it mentions',
      { type: 'm.room.message', content: { msgtype: 'm.text', body: 'alice @room', 'm.mentions': {} } },
      { mayNotify: true, displayName: 'alice' },
      '["notify"]',
    ],
  ];
  for (const [what, event, facts, actions] of byName) {
    it(`answer ${what} with ${actions} where the older rules hold`, () => {
      assert.equal(JSON.stringify(evaluate([], [], event, { ...facts, legacyMentions: true })), actions);
    });
  }

  it('have those for threads among them where there are subscriptions to threads', () => {
    const ids = defaultPushRules(ALICE, { ...NO_MORE, threadSubscriptions: true }).postcontent.map(
      (rule) => rule.ruleId,
    );
    assert.deepEqual(ids, [
      '.io.element.msc4306.rule.unsubscribed_thread',
      '.io.element.msc4306.rule.subscribed_thread',
    ]);
    assert.deepEqual(defaultPushRules(ALICE, NO_MORE).postcontent, []);
  });

  const byThread: readonly DefaultCase[] = [
    ['a message in no thread', message('hi'), {}, '["notify"]'],
    ['one in a thread', message('hi'), { isSubscribed: false }, '[]'],
    ['one in a thread of the user', message('hi'), { isSubscribed: true }, NOISY],
    ['a mention in a thread', mention({ user_ids: ['@alice:test'] }), { isSubscribed: false }, LOUD],
  ];
  for (const [what, event, facts, actions] of byThread) {
    it(`answer ${what} with ${actions} where there are subscriptions to threads`, () => {
      const answer = evaluate([], [], event, { ...facts, threadSubscriptions: true });
      assert.equal(JSON.stringify(answer), actions);
    });
  }

  it('let a word notify in any thread, and a muted room in the threads of the user', () => {
    const word = rule('content', 'hi', { pattern: 'hi', actions: ['notify'] });
    const muted = rule('room', '!room:test', {});
    const inThread = (isSubscribed: boolean, ...written: UserPushRule[]): string =>
      JSON.stringify(evaluate(written, [], message('hi'), { isSubscribed, threadSubscriptions: true }));
    assert.equal(inThread(false, word, muted), '["notify"]');
    assert.equal(inThread(true, muted), NOISY);
    assert.equal(inThread(false, muted), '[]');
  });

  it('are silent once the master rule is enabled, whatever the user wrote', () => {
    const master = change('override', '.m.rule.master', { enabled: true });
    const own = rule('override', 'mine', { actions: ['notify'] });
    assert.deepEqual(evaluate([own], [master], message('hi'), {}), []);
  });

  it('do what the user made of them', () => {
    const louder = change('underride', '.m.rule.message', {
      actions: ['notify', { set_tweak: 'highlight' }],
    });
    assert.deepEqual(evaluate([], [louder], message('hi'), {}), ['notify', { set_tweak: 'highlight' }]);
    const off = change('underride', '.m.rule.message', { enabled: false });
    assert.deepEqual(evaluate([], [off], message('hi'), {}), []);
  });
});

function change(
  kind: PushRuleKind,
  ruleId: string,
  to: Partial<Pick<DefaultRuleChange, 'enabled' | 'actions'>>,
): DefaultRuleChange {
  return { kind, ruleId, enabled: to.enabled, actions: to.actions };
}

function mention(mentions: JsonObject, msgtype = 'm.text'): JsonObject {
  return { type: 'm.room.message', content: { msgtype, body: 'x', 'm.mentions': mentions } };
}

function invite(userId: string): JsonObject {
  return { type: 'm.room.member', state_key: userId, content: { membership: 'invite' } };
}
