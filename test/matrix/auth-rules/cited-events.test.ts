import assert from 'node:assert/strict';
import { checkAuthEvents } from '../../../src/matrix/auth-rules/auth-rules.ts';
import { getRoomVersionRules } from '../../../src/matrix/room-version.ts';
import {
  ALICE,
  BOB,
  buildEvent,
  createIdOf,
  type EventInWords,
  joins,
  says,
  sets,
  setsLevels,
  toEventId,
  versionsIn,
} from './room-in-words.ts';

interface CitedRow {
  readonly that: string;
  readonly versions: string;
  readonly event?: EventInWords;
  readonly cites: readonly EventInWords[];
  readonly rejected?: readonly string[];
  readonly reason?: string;
}

const create: EventInWords = { ...sets(ALICE, 'm.room.create'), eventId: '$create' };
const levels: EventInWords = { ...setsLevels(ALICE, {}), eventId: '$levels' };
const bob: EventInWords = { ...joins(BOB), eventId: '$bob' };
const joinRules: EventInWords = { ...sets(ALICE, 'm.room.join_rules'), eventId: '$rules' };

const ROWS: readonly CitedRow[] = [
  {
    that: 'a message cites create, power levels and its sender',
    versions: '1-11',
    cites: [create, levels, bob],
  },
  { that: 'a message cites power levels and its sender', versions: '12', cites: [levels, bob] },
  { that: 'nothing but the create event has to be there', versions: '1,11', cites: [create] },
  { that: 'nothing has to be there', versions: '12', cites: [] },
  {
    that: 'the create event has to be there',
    versions: '1-11',
    cites: [levels, bob],
    reason: 'do not name m.room.create',
  },
  {
    that: 'no event at all is no create event',
    versions: '1,11',
    cites: [],
    reason: 'do not name m.room.create',
  },
  {
    that: 'the create event must not be there',
    versions: '12',
    cites: [create, levels, bob],
    reason: 'is for m.room.create, which m.room.message must not cite',
  },
  {
    that: 'no slot is cited twice',
    versions: '1,6,11',
    cites: [create, levels, { ...levels, eventId: '$levels2' }],
    reason: 'auth_events name m.room.power_levels twice',
  },
  {
    that: 'no member is cited twice',
    versions: '12',
    cites: [bob, { ...bob, eventId: '$bob2' }],
    reason: 'auth_events name m.room.member of @bob:home twice',
  },
  { that: 'no event is cited twice', versions: '1,11', cites: [create, create], reason: 'twice' },
  {
    that: 'a message does not cite join rules',
    versions: '1,11',
    cites: [create, joinRules],
    reason: 'auth event $rules is for m.room.join_rules, which m.room.message must not cite',
  },
  {
    that: 'a message does not cite join rules',
    versions: '12',
    cites: [joinRules],
    reason: 'which m.room.message must not cite',
  },
  {
    that: 'a message does not cite other members',
    versions: '1,11',
    cites: [create, joins(ALICE)],
    reason: 'is for m.room.member of @alice:home',
  },
  {
    that: 'a message does not cite a message',
    versions: '1,11',
    cites: [create, says(BOB)],
    reason: 'is not a state event',
  },
  {
    that: 'a member event that is no state is not cited',
    versions: '1,12',
    cites: [{ ...says(BOB, 'm.room.member'), eventId: '$no-state' }],
    reason: '$no-state is not a state event',
  },
  {
    that: 'a name is not cited',
    versions: '1,11',
    cites: [create, sets(ALICE, 'm.room.name')],
    reason: 'is for m.room.name',
  },
  {
    that: 'power levels under another state key are not cited',
    versions: '1,11',
    cites: [create, sets(ALICE, 'm.room.power_levels', {}, 'x')],
    reason: 'm.room.power_levels of x',
  },
  {
    that: 'a join cites join rules',
    versions: '1,11',
    event: joins(BOB),
    cites: [create, levels, joinRules, bob],
  },
  { that: 'a join cites join rules', versions: '12', event: joins(BOB), cites: [levels, joinRules, bob] },
  {
    that: 'an event of another room is not cited',
    versions: '1-11',
    cites: [create, { ...levels, roomId: '!other:home' }],
    reason: 'auth event $levels is of room !other:home, not of !room:home',
  },
  {
    that: 'an event of another room is not cited',
    versions: '12',
    cites: [{ ...levels, roomId: '!otherHash' }],
    reason: 'is of room !otherHash',
  },
  {
    that: 'a rejected event is not cited',
    versions: '1-11',
    cites: [create, levels],
    rejected: ['$levels'],
    reason: 'auth event $levels was rejected',
  },
  {
    that: 'a rejected event is not cited',
    versions: '12',
    cites: [levels],
    rejected: ['$levels'],
    reason: 'was rejected',
  },
  {
    that: 'a rejected create event is not cited',
    versions: '1,11',
    cites: [create],
    rejected: ['$create'],
    reason: 'was rejected',
  },
  {
    that: 'a room is not built on a rejected create event',
    versions: '12',
    cites: [levels],
    rejected: [createIdOf('12')],
    reason: 'the create event $aCreateEventsHash of the room was rejected',
  },
  {
    that: 'that something else was rejected does not matter',
    versions: '1,11',
    cites: [create, levels],
    rejected: ['$other'],
  },
  { that: 'a create event may cite anything', versions: '1,11,12', event: create, cites: [says(BOB)] },
];

describe('the events that an event cites', () => {
  for (const row of ROWS) {
    for (const version of versionsIn(row.versions)) {
      it(`${row.that} (room version ${version})`, () => {
        const cites = row.cites.map((words, index) => buildEvent(words, version, `$cited${index}`));
        const rejected = new Set((row.rejected ?? []).map(toEventId));
        const event = buildEvent(row.event ?? says(BOB), version);
        const verdict = checkAuthEvents(event, cites, (id) => rejected.has(id), getRoomVersionRules(version));
        if (row.reason === undefined) assert.deepEqual(verdict, { allowed: true });
        else assert.ok(!verdict.allowed && verdict.reason.includes(row.reason), JSON.stringify(verdict));
      });
    }
  }
});
