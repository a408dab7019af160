import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { NewestPositions } from '../../src/sync/newest-positions.ts';

describe('the newest positions', () => {
  it('say what has changed after a position', () => {
    const newest = new NewestPositions(10, 5);
    newest.note([1, 2], 11);
    newest.note([2], 12);
    assert.deepEqual(
      [1, 2, 3].map((nid) => newest.mayHaveChanged(nid, 11)),
      [false, true, false],
    );
  });

  it('do not vouch for what was before them', () => {
    const newest = new NewestPositions(10, 5);
    assert.deepEqual([newest.covers(10), newest.covers(9)], [true, false]);
    assert.ok(newest.mayHaveChanged(1, 9));
  });

  it('never say that nothing happened where something did, and keep no more than they may', () => {
    const change = fc.record({ nid: fc.integer({ min: 1, max: 8 }), gap: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 0, max: 100 }), (changes, after) => {
        const newest = new NewestPositions(0, 3);
        const truth = new Map<number, number>();
        let position = 0;
        for (const { nid, gap } of changes) {
          position += gap;
          newest.note([nid], position);
          truth.set(nid, Math.max(truth.get(nid) ?? 0, position));
        }
        for (const [nid, last] of truth) {
          if (last > after) assert.ok(newest.mayHaveChanged(nid, after));
        }
      }),
    );
  });
});
