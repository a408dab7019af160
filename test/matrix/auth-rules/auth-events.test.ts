import assert from 'node:assert/strict';
import { authEventSlots, findCreateEventId } from '../../../src/matrix/auth-events.ts';
import { splitStateSlot } from '../../../src/matrix/event.ts';
import { parseRoomId } from '../../../src/matrix/identifiers.ts';
import { getRoomVersionRules } from '../../../src/matrix/room-version.ts';
import {
  ALICE,
  BOB,
  buildEvent,
  CAROL,
  type EventInWords,
  joins,
  knocks,
  leaves,
  member,
  says,
  sets,
  versionsIn,
} from './room-in-words.ts';

const COMMON = ['m.room.create ', 'm.room.power_levels ', `m.room.member ${BOB}`];
const joinVia = joins(BOB, { join_authorised_via_users_server: ALICE });
const byThirdParty = (signed: Record<string, string | number>): EventInWords =>
  member(BOB, CAROL, 'invite', { third_party_invite: { signed } });

/** What each event cites beside create (before v12), power levels and its sender. */
const ROWS: readonly (readonly [
  that: string,
  versions: string,
  event: EventInWords,
  more: readonly string[],
])[] = [
  ['a message needs no more', '1-12', says(BOB), []],
  ['state needs no more', '1,12', sets(BOB, 'm.room.name'), []],
  ['power levels need no more', '1,12', sets(BOB, 'm.room.power_levels'), []],
  ['a join needs the join rules', '1-12', joins(BOB), ['m.room.join_rules ']],
  ['a leave needs no more', '1,12', leaves(BOB), []],
  ['a kick needs its target', '1,12', member(BOB, CAROL, 'leave'), [`m.room.member ${CAROL}`]],
  ['a ban needs its target', '1,12', member(BOB, CAROL, 'ban'), [`m.room.member ${CAROL}`]],
  ['a knock needs the join rules', '7,12', knocks(BOB), ['m.room.join_rules ']],
  [
    'an invite needs its target and the join rules',
    '1,12',
    member(BOB, CAROL, 'invite'),
    [`m.room.member ${CAROL}`, 'm.room.join_rules '],
  ],
  [
    'an invite by third party needs its token',
    '1,12',
    byThirdParty({ token: 't' }),
    [`m.room.member ${CAROL}`, 'm.room.join_rules ', 'm.room.third_party_invite t'],
  ],
  [
    'a token that is no string is none',
    '1,12',
    byThirdParty({ token: 5 }),
    [`m.room.member ${CAROL}`, 'm.room.join_rules '],
  ],
  [
    'a token of a join is none',
    '1,12',
    joins(BOB, { third_party_invite: { signed: { token: 't' } } }),
    ['m.room.join_rules '],
  ],
  [
    'a restricted join needs its authoriser',
    '8-12',
    joinVia,
    ['m.room.join_rules ', `m.room.member ${ALICE}`],
  ],
  ['an authoriser means nothing before restricted joins', '1-7', joinVia, ['m.room.join_rules ']],
  [
    'an authoriser of an invite means nothing',
    '8,12',
    member(BOB, BOB, 'invite', { join_authorised_via_users_server: ALICE }),
    ['m.room.join_rules '],
  ],
  [
    'an authoriser who joins is named once',
    '8,12',
    joins(BOB, { join_authorised_via_users_server: BOB }),
    ['m.room.join_rules '],
  ],
  [
    'an authoriser that is no string is none',
    '8,12',
    joins(BOB, { join_authorised_via_users_server: 5 }),
    ['m.room.join_rules '],
  ],
  [
    'a member event without a state key has no target',
    '1,12',
    says(BOB, 'm.room.member', { membership: 'ban' }),
    [],
  ],
  [
    'a member event without a membership needs no rules',
    '1,12',
    sets(BOB, 'm.room.member', {}, CAROL),
    [`m.room.member ${CAROL}`],
  ],
];

describe('auth events selection', () => {
  for (const [that, versions, event, more] of ROWS) {
    for (const version of versionsIn(versions)) {
      it(`${that} (room version ${version})`, () => {
        const slots = authEventSlots(buildEvent(event, version), getRoomVersionRules(version)).map((slot) => {
          const { type, stateKey } = splitStateSlot(slot);
          return `${type} ${stateKey}`;
        });
        const expected = [...COMMON, ...more].filter((slot) => version !== '12' || slot !== 'm.room.create ');
        assert.deepEqual(slots, expected);
      });
    }
  }

  for (const version of versionsIn('1,11,12')) {
    it(`a create event cites nothing (room version ${version})`, () => {
      const event = buildEvent(sets(ALICE, 'm.room.create'), version);
      assert.deepEqual(authEventSlots(event, getRoomVersionRules(version)), []);
    });
  }

  it('the room id names the create event', () => {
    const roomId = parseRoomId('!hash');
    assert.equal(roomId === undefined ? undefined : findCreateEventId(roomId), '$hash');
  });
});
