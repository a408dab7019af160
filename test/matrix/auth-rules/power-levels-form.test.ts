import type { JsonObject, JsonValue } from '../../../src/util/json.ts';
import { ALICE, BOB, type RoomInWords, setsLevels } from './room-in-words.ts';
import { allows, refuses, type RuleRow, testRules } from './rule-table.ts';

const noLevels: RoomInWords = {};
const first = (content: JsonObject) => setsLevels(ALICE, content);
const single = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite'];

testRules('the form of power levels', [
  allows(
    'the first power levels are free',
    '1-11',
    noLevels,
    first({ users: { [ALICE]: 100, [BOB]: 1000 } }),
  ),
  allows('the first power levels are free for a creator', '12', noLevels, first({ users: { [BOB]: 1000 } })),
  allows('power levels without users are accepted', '1,9,10,12', noLevels, first({})),
  ...single.flatMap((key): RuleRow[] => [
    refuses(
      `${key} is an integer`,
      '10,12',
      noLevels,
      first({ [key]: '50' }),
      `${key} is "50", which is not an integer`,
    ),
    allows(`${key} may be text`, '1,9', noLevels, first({ [key]: '50' })),
    refuses(
      `${key} is no list`,
      '1,9,10',
      noLevels,
      first({ [key]: [50] }),
      `${key} is [50], which is not a`,
    ),
  ]),
  refuses(
    'a level is not null',
    '10,12',
    noLevels,
    first({ ban: null }),
    'ban is null, which is not an integer',
  ),
  refuses(
    'a level is no float',
    '10-12',
    noLevels,
    first({ ban: 50.5 }),
    'ban is 50.5, which is not an integer',
  ),
  allows('a level may be a float', '1-5', noLevels, first({ ban: 50.5 })),
  refuses('a level is no true or false', '1,10', noLevels, first({ ban: true }), 'ban is true'),
  ...(['', 'fifty', '5 0', '0x10', '1e3', '50.0', '++1', '٣'] as const).map((text) =>
    refuses(
      `"${text}" is no level`,
      '1,9',
      noLevels,
      first({ users: { [ALICE]: text } }),
      `which is not a power level`,
    ),
  ),
  ...(['50', ' 50 ', '0050', '+50', '-50', '\t50\n'] as const).map((text) =>
    allows(`${JSON.stringify(text)} is a level`, '1,9', noLevels, first({ users: { [ALICE]: text } })),
  ),
  ...(['users', 'events', 'notifications'] as const).flatMap((key): RuleRow[] =>
    ([5, null, [], 'x'] as readonly JsonValue[]).map((value) =>
      refuses(
        `${key} is an object, not ${JSON.stringify(value)}`,
        '6,10,12',
        noLevels,
        first({ [key]: value }),
        `${key} of the power levels is not an object`,
      ),
    ),
  ),
  allows('notifications of any form were accepted', '1-5', noLevels, first({ notifications: 5 })),
  refuses(
    'levels of event types are integers',
    '10,12',
    noLevels,
    first({ events: { 'm.room.name': '50' } }),
    'events.m.room.name is "50", which is not an integer',
  ),
  allows('levels of event types may be text', '1,9', noLevels, first({ events: { 'm.room.name': '50' } })),
  refuses(
    'levels of event types are levels',
    '1,9',
    noLevels,
    first({ events: { 'm.room.name': {} } }),
    'events.m.room.name is {}',
  ),
  refuses(
    'notification levels are integers',
    '10,12',
    noLevels,
    first({ notifications: { room: '50' } }),
    'notifications.room is "50"',
  ),
  refuses(
    'notification levels are levels',
    '6-9',
    noLevels,
    first({ notifications: { room: [] } }),
    'notifications.room is []',
  ),
  allows(
    'notification levels of any form were accepted',
    '1,5',
    noLevels,
    first({ notifications: { room: [] } }),
  ),
  refuses(
    'levels of users are integers',
    '10,12',
    noLevels,
    first({ users: { [BOB]: '50' } }),
    'users.@bob:home is "50", which is not an integer',
  ),
  refuses(
    'the keys of users are user ids',
    '1,6,10,12',
    noLevels,
    first({ users: { bob: 50 } }),
    'users has "bob", which is no user id',
  ),
  refuses('a user id has a domain', '1,12', noLevels, first({ users: { '@bob': 50 } }), 'users has "@bob"'),
  refuses(
    'a room id is no user id',
    '1,12',
    noLevels,
    first({ users: { '!bob:home': 50 } }),
    'users has "!bob:home"',
  ),
  allows('historical user ids are user ids', '1,12', noLevels, first({ users: { '@Bob Smith:home': 50 } })),
  allows(
    'keys that nobody knows may hold anything',
    '1,10,12',
    noLevels,
    first({ 'org.example': 'x', historical: 100.5 }),
  ),
  refuses(
    'the creator is not listed',
    '12',
    noLevels,
    first({ users: { [ALICE]: 100 } }),
    'users has @alice:home, a creator, whose power is infinite',
  ),
  refuses(
    'an additional creator is not listed',
    '12',
    { create: { additional_creators: [BOB] } },
    first({ users: { [BOB]: 100 } }),
    'users has @bob:home, a creator',
  ),
  refuses(
    'a creator is not listed by others either',
    '12',
    { members: { [BOB]: 'join' }, levels: { users: { [BOB]: 50 } } },
    setsLevels(BOB, { users: { [ALICE]: 0, [BOB]: 50 } }),
    'users has @alice:home, a creator',
  ),
  allows('the creator may be listed', '1-11', noLevels, first({ users: { [ALICE]: 100 } })),
  allows(
    'additional creators are listed before they existed',
    '11',
    { create: { additional_creators: [BOB] } },
    first({ users: { [ALICE]: 100, [BOB]: 100 } }),
  ),
  refuses(
    'a stranger sets no power levels, the first or not',
    '1,12',
    noLevels,
    setsLevels(BOB, {}),
    'is not joined',
  ),
  refuses(
    'the first power levels require what state requires',
    '1,12',
    { members: { [BOB]: 'join' } },
    setsLevels(BOB, {}),
    'level 0 is below the 50 required for m.room.power_levels',
  ),
]);
