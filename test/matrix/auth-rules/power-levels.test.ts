import type { JsonObject } from '../../../src/util/json.ts';
import { ALICE, BOB, CAROL, type RoomInWords, setsLevels, ZOE } from './room-in-words.ts';
import { allows, refuses, testRules } from './rule-table.ts';

type Levels = Readonly<Record<string, number>>;
/** Bob, with 50, may change power levels; Carol is his peer, Zoe is above him. Alice is not listed. */
const MAPS: Readonly<Record<'users' | 'events' | 'notifications', Levels>> = {
  users: { [BOB]: 50, [CAROL]: 50, [ZOE]: 80 },
  events: { 'm.room.power_levels': 50, 'm.room.name': 50, 'm.room.tombstone': 80 },
  notifications: { room: 50, all: 80 },
};
const CURRENT: JsonObject = { ...MAPS, ban: 50, kick: 80 };
const room = (levels: JsonObject | undefined = CURRENT): RoomInWords => ({
  members: { [BOB]: 'join', [CAROL]: 'join', [ZOE]: 'join' },
  levels,
});
const bobSets = (change: JsonObject) => setsLevels(BOB, { ...CURRENT, ...change });
const bobSetsIn = (key: keyof typeof MAPS, change: Levels) => bobSets({ [key]: { ...MAPS[key], ...change } });
const without = <T>(object: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(object).filter(([other]) => other !== key));
const bobRemovesIn = (key: keyof typeof MAPS, entry: string) => bobSets({ [key]: without(MAPS[key], entry) });

const single = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite'];

testRules('changing single levels', [
  allows('power levels may be sent again unchanged', '1-12', room(), bobSets({})),
  allows('a level is lowered by those who reach it', '1,6,10,12', room(), bobSets({ ban: 0 })),
  allows(
    'a level is raised as high as the sender',
    '1,12',
    room({ ...CURRENT, ban: 0 }),
    bobSets({ ban: 50 }),
  ),
  refuses(
    'a level is not raised above the sender',
    '1,6,10,12',
    room(),
    bobSets({ ban: 51 }),
    "sender's power level 50 is below the 51 it would set for ban",
  ),
  refuses(
    'a level above the sender is not lowered',
    '1,6,10,12',
    room(),
    bobSets({ kick: 50 }),
    "sender's power level 50 is below the current 80 of kick",
  ),
  refuses(
    'a level above the sender is not removed',
    '1,12',
    room(),
    setsLevels(BOB, without(CURRENT, 'kick')),
    'is below the current 80 of kick',
  ),
  allows(
    'a level that the sender reaches is removed',
    '1,12',
    room(),
    setsLevels(BOB, without(CURRENT, 'ban')),
  ),
  allows('a level that was absent is set as high as the sender', '1,12', room(), bobSets({ redact: 50 })),
  allows(
    'a level that was absent is set below its default, which is no value to exceed',
    '1,12',
    room({ ...CURRENT, users: { [BOB]: 40 }, events: { 'm.room.power_levels': 40 } }),
    setsLevels(BOB, { ...CURRENT, users: { [BOB]: 40 }, events: { 'm.room.power_levels': 40 }, redact: 30 }),
  ),
  refuses(
    'a level that was absent is not set above the sender',
    '1,12',
    room(),
    bobSets({ redact: 51 }),
    'the 51 it would set for redact',
  ),
  ...single
    .filter((key) => key !== 'kick')
    .map((key) =>
      refuses(
        `${key} is not raised above the sender`,
        '1,10',
        room(),
        bobSets({ [key]: 99 }),
        `it would set for ${key}`,
      ),
    ),
  allows('a level may change its spelling', '1,9', room(), bobSets({ kick: '80' })),
  allows('a level may change its spelling to a float', '1,5', room(), bobSets({ kick: 80.7 })),
  allows('levels that nobody knows change freely', '1,12', room(), bobSets({ 'org.example': 1000 })),
  allows('a creator sets any level', '12', room(), setsLevels(ALICE, { ...CURRENT, kick: 9007199254740991 })),
  allows(
    'a creator lowers any level',
    '12',
    room({ ...CURRENT, kick: 9007199254740991 }),
    setsLevels(ALICE, { ...CURRENT, kick: 0 }),
  ),
]);

testRules('changing the levels of event types', [
  allows(
    'an entry is lowered by those who reach it',
    '1,12',
    room(),
    bobSetsIn('events', { 'm.room.name': 0 }),
  ),
  allows(
    'an entry is added as high as the sender',
    '1,12',
    room(),
    bobSetsIn('events', { 'm.room.topic': 50 }),
  ),
  refuses(
    'an entry is not added above the sender',
    '1,6,12',
    room(),
    bobSetsIn('events', { 'm.room.topic': 51 }),
    'the 51 it would set for events.m.room.topic',
  ),
  refuses(
    'an entry is not raised above the sender',
    '1,12',
    room(),
    bobSetsIn('events', { 'm.room.name': 51 }),
    'the 51 it would set for events.m.room.name',
  ),
  refuses(
    'an entry above the sender is not lowered',
    '1,6,12',
    room(),
    bobSetsIn('events', { 'm.room.tombstone': 50 }),
    'the current 80 of events.m.room.tombstone',
  ),
  refuses(
    'an entry above the sender is not removed',
    '1,12',
    room(),
    bobRemovesIn('events', 'm.room.tombstone'),
    'the current 80 of events.m.room.tombstone',
  ),
  refuses(
    'all entries above the sender are not removed at once',
    '1,12',
    room(),
    setsLevels(BOB, without(CURRENT, 'events')),
    'the current 80 of events.m.room.tombstone',
  ),
  allows(
    'an entry that the sender reaches is removed',
    '1,12',
    room(),
    bobRemovesIn('events', 'm.room.name'),
  ),
]);

testRules('changing notification levels', [
  allows(
    'an entry is lowered by those who reach it',
    '6,12',
    room(),
    bobSetsIn('notifications', { room: 0 }),
  ),
  refuses(
    'an entry is not raised above the sender',
    '6-12',
    room(),
    bobSetsIn('notifications', { room: 51 }),
    'the 51 it would set for notifications.room',
  ),
  refuses(
    'an entry is not added above the sender',
    '6,12',
    room(),
    bobSetsIn('notifications', { other: 51 }),
    'notifications.other',
  ),
  refuses(
    'an entry above the sender is not lowered',
    '6,12',
    room(),
    bobSetsIn('notifications', { all: 0 }),
    'the current 80 of notifications.all',
  ),
  refuses(
    'an entry above the sender is not removed',
    '6,12',
    room(),
    bobRemovesIn('notifications', 'all'),
    'the current 80 of notifications.all',
  ),
  allows(
    'notifications were open to all who set power levels',
    '1-5',
    room(),
    bobSetsIn('notifications', { room: 99, all: 0 }),
  ),
]);

testRules('changing the levels of users', [
  allows(
    'another is promoted as high as the sender',
    '1,12',
    room(),
    bobSetsIn('users', { '@dave:home': 50 }),
  ),
  refuses(
    'another is not promoted above the sender',
    '1,6,12',
    room(),
    bobSetsIn('users', { '@dave:home': 51 }),
    'the 51 it would set for users.@dave:home',
  ),
  allows(
    'another below the sender is demoted',
    '1,12',
    room({ ...CURRENT, users: { [BOB]: 50, [CAROL]: 49 } }),
    setsLevels(BOB, { ...CURRENT, users: { [BOB]: 50, [CAROL]: 0 } }),
  ),
  refuses(
    'a peer is not demoted',
    '1,6,12',
    room(),
    bobSetsIn('users', { [CAROL]: 0 }),
    "sender's power level 50 is not above the 50 of @carol:home, which it would change",
  ),
  refuses(
    'a peer is not promoted',
    '1,12',
    room(),
    bobSetsIn('users', { [CAROL]: 51 }),
    'is not above the 50 of @carol:home',
  ),
  refuses(
    'a peer is not removed',
    '1,12',
    room(),
    bobRemovesIn('users', CAROL),
    'is not above the 50 of @carol:home',
  ),
  refuses(
    'one above is not demoted',
    '1,12',
    room(),
    bobSetsIn('users', { [ZOE]: 0 }),
    'is not above the 80 of @zoe:away',
  ),
  refuses(
    'all users are not removed at once',
    '1,12',
    room(),
    setsLevels(BOB, without(CURRENT, 'users')),
    'is not above the',
  ),
  allows('the sender lowers their own level', '1,6,12', room(), bobSetsIn('users', { [BOB]: 0 })),
  allows('the sender removes their own entry', '1,12', room(), bobRemovesIn('users', BOB)),
  refuses(
    'the sender does not raise their own level',
    '1,6,12',
    room(),
    bobSetsIn('users', { [BOB]: 51 }),
    'the 51 it would set for users.@bob:home',
  ),
  refuses(
    'users_default does not lift others above the sender',
    '1,12',
    room(),
    bobSets({ users_default: 51 }),
    'the 51 it would set for users_default',
  ),
  allows('a peer may change spelling', '1,9', room(), bobSets({ users: { ...MAPS.users, [CAROL]: '50' } })),
  allows('a creator demotes anybody', '12', room(), setsLevels(ALICE, { ...CURRENT, users: {} })),
  allows(
    'a creator promotes to the highest level',
    '12',
    room(),
    setsLevels(ALICE, { ...CURRENT, users: { [BOB]: 9007199254740991 } }),
  ),
  allows(
    'an additional creator demotes anybody',
    '12',
    { ...room(), create: { additional_creators: [BOB] }, levels: { users: { [ZOE]: 80 } } },
    setsLevels(BOB, {}),
  ),
  refuses(
    'a level that was set by text protects too',
    '1,9',
    room({ ...CURRENT, users: { [BOB]: 50, [CAROL]: ' 50 ' } }),
    setsLevels(BOB, { ...CURRENT, users: { [BOB]: 50 } }),
    'is not above the 50 of @carol:home',
  ),
]);
