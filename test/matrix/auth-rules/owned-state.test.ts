import assert from 'node:assert/strict';
import { UNSTABLE_ROOM_VERSIONS } from '../../../src/matrix/room-version.ts';
import { ALICE, BOB, CAROL, judge, sets, type RoomInWords } from './room-in-words.ts';

const TYPE = 'org.example.beacon';
const ROOM: RoomInWords = {
  members: { [BOB]: 'join', [CAROL]: 'join' },
  levels: { users: { [ALICE]: 100 }, users_default: 10, events: { [TYPE]: 0 } },
};

/** Who sets which state key; undefined where that is allowed. */
const cases: readonly (readonly [sender: string, stateKey: string, reason: RegExp | undefined])[] = [
  [BOB, '', undefined],
  [BOB, `_${ALICE}_device`, undefined],
  [BOB, BOB, undefined],
  [BOB, `${BOB}_`, undefined],
  [BOB, `${BOB}_device_2:!@#$`, undefined],
  [BOB, `${BOB}_${'x'.repeat(255)}`, undefined],
  [BOB, `${BOB}_${'x'.repeat(256)}`, /more than 256 bytes/],
  [BOB, ALICE, /power level 10 is not above 100/],
  [BOB, `${CAROL}_device`, /@carol:home's, and the sender's power level 10 is not above 10/],
  [ALICE, BOB, undefined],
  [ALICE, `${BOB}_device`, undefined],
  [ALICE, '@gone:away_device', undefined],
  [BOB, `${BOB}:device`, /is no user id/],
  [BOB, `@prefix_${BOB}_device`, /is not above/],
  [ALICE, '@oops', /is no user id/],
  [ALICE, `${BOB}@device`, /is no user id/],
];

for (const version of UNSTABLE_ROOM_VERSIONS)
  describe(`state under the ids of users in ${version}`, () => {
    for (const [sender, stateKey, reason] of cases)
      it(`is ${reason === undefined ? '' : 'not '}for ${sender} to set at ${stateKey.slice(0, 40)}`, () => {
        const verdict = judge(sets(sender, TYPE, {}, stateKey), ROOM, version);
        assert.equal(verdict.allowed, reason === undefined);
        if (!verdict.allowed && reason !== undefined) assert.match(verdict.reason, reason);
      });
  });

describe('state under the ids of users in stable versions', () => {
  it('is for those users alone, and for nobody with a suffix', () => {
    assert.equal(judge(sets(BOB, TYPE, {}, BOB), ROOM, '11').allowed, true);
    for (const [sender, stateKey] of [
      [BOB, `${BOB}_device`],
      [ALICE, BOB],
    ] as const)
      assert.equal(judge(sets(sender, TYPE, {}, stateKey), ROOM, '11').allowed, false);
  });
});
