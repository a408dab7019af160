import assert from 'node:assert/strict';
import { secureRandom } from '../../src/util/random.ts';

const DRAWS = 5_000;

describe('the secure generator', () => {
  it('never gives the same bytes twice', () => {
    const drawn = Array.from({ length: DRAWS }, () => secureRandom.bytes(16).toString('hex'));
    assert.equal(new Set(drawn).size, DRAWS);
  });

  it('gives as many bytes as are asked for, few or many', () => {
    for (const count of [0, 1, 18, 1_023, 1_025, 10_000]) {
      assert.equal(secureRandom.bytes(count).length, count);
    }
  });

  it('keeps no hold of what it gave', () => {
    const given = secureRandom.bytes(32);
    given.fill(0);
    const following = Array.from({ length: 200 }, () => secureRandom.bytes(32));
    assert.ok(following.every((bytes) => bytes.some((byte) => byte !== 0)));
  });
});
