import assert from 'node:assert/strict';
import { parseUserId } from '../../../src/matrix/identifiers.ts';
import type { PushedEvent } from '../../../src/matrix/push-rules/conditions.ts';
import { defaultPushRules } from '../../../src/matrix/push-rules/default-rules.ts';
import { PushRuleCompiler, outcomeOf } from '../../../src/matrix/push-rules/evaluation.ts';
import type { PushRuleKind } from '../../../src/matrix/push-rules/push-rule.ts';
import {
  composePushRuleset,
  type DefaultRuleChange,
  type UserPushRule,
} from '../../../src/matrix/push-rules/ruleset.ts';
import type { JsonObject, JsonValue } from '../../../src/util/json.ts';

const ALICE = parseUserId('@alice:test');
assert.ok(ALICE !== undefined);
const NO_MORE = { legacyMentions: false, threadSubscriptions: false };
const NOISY = '["notify",{"set_tweak":"sound","value":"default"}]';
const LOUD = '["notify",{"set_tweak":"sound","value":"default"},{"set_tweak":"highlight"}]';
const MATCHED: readonly JsonValue[] = ['notify', { set_tweak: 'org.example' }];

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

  const byName: readonly [string, JsonObject, Facts, string][] = [
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

  const byThread: readonly [string, JsonObject, Facts, string][] = [
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

describe('the rules of a user', () => {
  const cases: readonly ConditionCase[] = [
    [
      'event_match of the body by words',
      { kind: 'event_match', key: 'content.body', pattern: 'tea' },
      message('Tea time'),
      {},
      true,
    ],
    [
      'event_match of the body inside a word',
      { kind: 'event_match', key: 'content.body', pattern: 'tea' },
      message('team'),
      {},
      false,
    ],
    [
      'event_match of another text as a whole',
      { kind: 'event_match', key: 'content.topic', pattern: 'tea' },
      withContent({ topic: 'tea time' }),
      {},
      false,
    ],
    [
      'event_match of what is absent',
      { kind: 'event_match', key: 'content.topic', pattern: '*' },
      withContent({}),
      {},
      false,
    ],
    [
      'event_match of null',
      { kind: 'event_match', key: 'content.topic', pattern: '*' },
      withContent({ topic: null }),
      {},
      false,
    ],
    [
      'event_match of a number',
      { kind: 'event_match', key: 'content.n', pattern: '1' },
      withContent({ n: 1 }),
      {},
      false,
    ],
    ['event_match without a pattern', { kind: 'event_match', key: 'type' }, message('x'), {}, false],
    [
      'event_match of an inherited name',
      { kind: 'event_match', key: 'content.constructor.name', pattern: '*' },
      withContent({}),
      {},
      false,
    ],
    [
      'event_match of the room',
      { kind: 'event_match', key: 'room_id', pattern: '!room:*' },
      message('x'),
      {},
      true,
    ],
    [
      'event_property_is of an escaped path',
      { kind: 'event_property_is', key: 'content.m\\.federate', value: true },
      withContent({ 'm.federate': true }),
      {},
      true,
    ],
    [
      'event_property_is of an escaped backslash',
      { kind: 'event_property_is', key: 'content.m\\\\foo', value: 1 },
      withContent({ 'm\\foo': 1 }),
      {},
      true,
    ],
    [
      'event_property_is of another escape',
      { kind: 'event_property_is', key: 'content.\\x', value: 1 },
      withContent({ '\\x': 1 }),
      {},
      true,
    ],
    [
      'event_property_is of a text for a boolean',
      { kind: 'event_property_is', key: 'content.a', value: true },
      withContent({ a: 'true' }),
      {},
      false,
    ],
    [
      'event_property_is of one for true',
      { kind: 'event_property_is', key: 'content.a', value: true },
      withContent({ a: 1 }),
      {},
      false,
    ],
    [
      'event_property_is of null',
      { kind: 'event_property_is', key: 'content.a', value: null },
      withContent({ a: null }),
      {},
      true,
    ],
    [
      'event_property_is of null for what is absent',
      { kind: 'event_property_is', key: 'content.a', value: null },
      withContent({}),
      {},
      false,
    ],
    [
      'event_property_is by case',
      { kind: 'event_property_is', key: 'content.a', value: 'A' },
      withContent({ a: 'a' }),
      {},
      false,
    ],
    [
      'event_property_is of an object',
      { kind: 'event_property_is', key: 'content.a', value: {} },
      withContent({ a: {} }),
      {},
      false,
    ],
    [
      'event_property_is of a fraction',
      { kind: 'event_property_is', key: 'content.a', value: 1.5 },
      withContent({ a: 1.5 }),
      {},
      false,
    ],
    [
      'event_property_contains',
      { kind: 'event_property_contains', key: 'content.a', value: 'x' },
      withContent({ a: [{}, 'x'] }),
      {},
      true,
    ],
    [
      'event_property_contains of a part',
      { kind: 'event_property_contains', key: 'content.a', value: 'x' },
      withContent({ a: ['xy'] }),
      {},
      false,
    ],
    [
      'event_property_contains of a text',
      { kind: 'event_property_contains', key: 'content.a', value: 'x' },
      withContent({ a: 'x' }),
      {},
      false,
    ],
    [
      'contains_display_name',
      { kind: 'contains_display_name' },
      message('hi Alice?'),
      { displayName: 'alice' },
      true,
    ],
    [
      'contains_display_name inside a word',
      { kind: 'contains_display_name' },
      message('malice'),
      { displayName: 'alice' },
      false,
    ],
    ['contains_display_name without a name', { kind: 'contains_display_name' }, message('hi'), {}, false],
    ...(
      [
        ['3', true],
        ['==3', true],
        ['==2', false],
        ['<3', false],
        ['<4', true],
        ['>2', true],
        ['>3', false],
        ['<=3', true],
        ['>=4', false],
        ['=3', false],
        ['three', false],
        ['', false],
      ] as const
    ).map(
      ([is, holds]) =>
        [
          `room_member_count ${is} of 3`,
          { kind: 'room_member_count', is },
          message('x'),
          { memberCount: 3 },
          holds,
        ] as const,
    ),
    [
      'sender_notification_permission with the power',
      { kind: 'sender_notification_permission', key: 'room' },
      message('x'),
      { mayNotify: true },
      true,
    ],
    [
      'sender_notification_permission without',
      { kind: 'sender_notification_permission', key: 'room' },
      message('x'),
      {},
      false,
    ],
    ['a condition that nobody knows', { kind: 'org.example.moon_phase' }, message('x'), {}, false],
    ['a condition without a kind', {}, message('x'), {}, false],
  ];
  for (const [what, condition, event, facts, holds] of cases) {
    it(`${holds ? 'match' : 'do not match'} by ${what}`, () => {
      const own = rule('override', 'mine', { conditions: [condition], actions: MATCHED });
      assert.equal(JSON.stringify(evaluate([own], [], event, facts)) === JSON.stringify(MATCHED), holds);
    });
  }

  it('want all of their conditions to hold, and always match without any', () => {
    const both = rule('override', 'mine', {
      conditions: [
        { kind: 'event_match', key: 'type', pattern: 'm.room.message' },
        { kind: 'event_match', key: 'content.body', pattern: 'no' },
      ],
      actions: MATCHED,
    });
    assert.deepEqual(evaluate([both], [], message('yes'), {}), ['notify']);
    assert.deepEqual(evaluate([{ ...both, conditions: [] }], [], message('yes'), {}), MATCHED);
  });

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

type DefaultCase = readonly [what: string, event: JsonObject, facts: Facts, actions: string];
type ConditionCase = readonly [
  what: string,
  condition: JsonObject,
  event: JsonObject,
  facts: Facts,
  holds: boolean,
];

interface Facts {
  readonly memberCount?: number;
  readonly mayNotify?: boolean;
  readonly displayName?: string;
  readonly legacyMentions?: boolean;
  readonly threadSubscriptions?: boolean;
  readonly isSubscribed?: boolean;
}

function evaluate(
  written: readonly UserPushRule[],
  changes: readonly DefaultRuleChange[],
  event: JsonObject,
  facts: Facts,
): readonly JsonValue[] {
  assert.ok(ALICE !== undefined);
  const pushed: PushedEvent = {
    event: { room_id: '!room:test', sender: '@bob:test', event_id: '$1', ...event },
    memberCount: facts.memberCount ?? 5,
    mayNotify: (key) => key === 'room' && facts.mayNotify === true,
  };
  const user = { displayName: facts.displayName, isSubscribed: facts.isSubscribed };
  const predefined = {
    legacyMentions: facts.legacyMentions ?? false,
    threadSubscriptions: facts.threadSubscriptions ?? false,
  };
  return new PushRuleCompiler()
    .compile(composePushRuleset(ALICE, written, changes, predefined))
    .evaluate(pushed, user);
}

function rule(kind: PushRuleKind, ruleId: string, parts: Partial<UserPushRule>): UserPushRule {
  return { kind, ruleId, enabled: true, conditions: [], pattern: undefined, actions: [], ...parts };
}

function change(
  kind: PushRuleKind,
  ruleId: string,
  to: Partial<Pick<DefaultRuleChange, 'enabled' | 'actions'>>,
): DefaultRuleChange {
  return { kind, ruleId, enabled: to.enabled, actions: to.actions };
}

function message(body: string): JsonObject {
  return { type: 'm.room.message', content: { msgtype: 'm.text', body } };
}

function withContent(content: JsonObject): JsonObject {
  return { type: 'org.example', content };
}

function mention(mentions: JsonObject, msgtype = 'm.text'): JsonObject {
  return { type: 'm.room.message', content: { msgtype, body: 'x', 'm.mentions': mentions } };
}

function invite(userId: string): JsonObject {
  return { type: 'm.room.member', state_key: userId, content: { membership: 'invite' } };
}

function tweak(name: string): JsonObject {
  return { set_tweak: name };
}
