import assert from 'node:assert/strict';
import type { JsonObject } from '../../../src/util/json.ts';
import { evaluate, MATCHED, message, rule, type Facts } from './evaluate.ts';

type ConditionCase = readonly [
  what: string,
  condition: JsonObject,
  event: JsonObject,
  facts: Facts,
  holds: boolean,
];

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
});

function withContent(content: JsonObject): JsonObject {
  return { type: 'org.example', content };
}
