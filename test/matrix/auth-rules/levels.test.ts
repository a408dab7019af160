import assert from 'node:assert/strict';
import {
  membershipOf,
  type PowerLevels,
  powerLevelsOf,
  readPowerLevel,
} from '../../../src/matrix/power-levels.ts';
import { getRoomVersionRules, type RoomVersion } from '../../../src/matrix/room-version.ts';
import { ALICE, BOB, buildState, CAROL, type RoomInWords, sets, toUserId, ZOE } from './room-in-words.ts';

const alice = toUserId(ALICE);
const bob = toUserId(BOB);

function levelsIn(room: RoomInWords, version: RoomVersion): PowerLevels {
  const state = buildState(room, version);
  return powerLevelsOf((slot) => state.get(slot), getRoomVersionRules(version));
}

describe('power levels', () => {
  it('has the defaults of the specification without an event', () => {
    const levels = levelsIn({}, '11');
    assert.deepEqual(
      [
        levels.ban,
        levels.kick,
        levels.redact,
        levels.invite,
        levels.requiredLevel('x', true),
        levels.requiredLevel('x', false),
        levels.notificationLevel('room'),
      ],
      [50, 50, 50, 0, 50, 0, 50],
    );
    assert.deepEqual([levels.userLevel(alice), levels.userLevel(bob)], [100, 0]);
  });

  it('reads every level of the event', () => {
    const content = {
      ban: 1,
      kick: 2,
      redact: 3,
      invite: 4,
      state_default: 5,
      events_default: 6,
      users_default: 7,
    };
    const maps = { events: { x: 8 }, notifications: { room: 9 }, users: { [BOB]: 10 } };
    const levels = levelsIn({ levels: { ...content, ...maps } }, '11');
    assert.deepEqual(
      [
        levels.ban,
        levels.kick,
        levels.redact,
        levels.invite,
        levels.requiredLevel('y', true),
        levels.requiredLevel('y', false),
        levels.userLevel(alice),
        levels.requiredLevel('x', true),
        levels.notificationLevel('room'),
        levels.userLevel(bob),
      ],
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
  });

  it('gives creators infinite power since v12, listed or not', () => {
    const room: RoomInWords = {
      create: { additional_creators: [BOB] },
      levels: { users: { [ALICE]: 5, [BOB]: 5 } },
    };
    assert.equal(levelsIn(room, '12').userLevel(alice), Infinity);
    assert.equal(levelsIn(room, '12').userLevel(bob), Infinity);
    assert.equal(levelsIn(room, '11').userLevel(bob), 5);
  });

  it('gives nobody but creators power in a v12 room without power levels', () => {
    assert.equal(levelsIn({}, '12').userLevel(bob), 0);
  });

  it('takes what it cannot read for absent', () => {
    const levels = levelsIn({ levels: { ban: '60', users: 5, events: { x: 'y' } } }, '12');
    assert.deepEqual([levels.ban, levels.userLevel(bob), levels.requiredLevel('x', true)], [50, 0, 50]);
  });

  it('has no level for names that all objects know', () => {
    const levels = levelsIn({ levels: { events: {}, notifications: {} } }, '1');
    assert.deepEqual(
      [levels.requiredLevel('toString', false), levels.notificationLevel('__proto__')],
      [0, 50],
    );
  });

  it('finds no level beyond what a double can hold', () => {
    const rules = getRoomVersionRules('1');
    assert.equal(readPowerLevel('9'.repeat(400), rules), undefined);
    assert.equal(readPowerLevel(Infinity, rules), undefined);
    assert.equal(readPowerLevel(-1.9, rules), -1);
  });
});

describe('memberships', () => {
  it('reads the membership of a user, and none of strangers and nonsense', () => {
    const state = buildState(
      {
        members: { [BOB]: 'ban', [ZOE]: 'lurk' },
        also: [sets(ALICE, 'm.room.member', { membership: 5 }, '@eve:home')],
      },
      '11',
    );
    const users = [ALICE, BOB, CAROL, ZOE, '@eve:home'].map(toUserId);
    const memberships = users.map((user) => membershipOf((slot) => state.get(slot), user));
    assert.deepEqual(memberships, ['join', 'ban', undefined, undefined, undefined]);
  });
});
