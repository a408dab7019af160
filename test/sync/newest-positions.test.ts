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

  it('list what changed, however long ago and in whatever order it was noted', () => {
    const newest = new NewestPositions(0, 100, 1_000);
    const rooms = new Set(Array.from({ length: 50 }, (_, nid) => nid));
    newest.note([3], 9);
    newest.note([4, 99], 8);
    assert.deepEqual(newest.listChanged(rooms, 0), [4, 3]);
    assert.deepEqual(newest.listChanged(rooms, 8), [3]);
    assert.deepEqual(newest.listChanged(rooms, 9), []);
    // More changes than are looked through, and than are kept in order.
    for (let position = 10; position < 3_010; position += 1) newest.note([98], position);
    assert.deepEqual(newest.listChanged(rooms, 7), [3, 4]);
    assert.deepEqual(newest.listChanged(new Set([98]), 3_008), [98]);
    assert.deepEqual(newest.listChanged(rooms, 3_008), []);
  });

  it('never say that nothing happened where something did, and keep no more than they may', () => {
    // Most come in order; some are noted late.
    const change = fc.record({
      nid: fc.integer({ min: 1, max: 8 }),
      gap: fc.integer({ min: 0, max: 3 }),
      late: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6 })),
    });
    const asked = new Set([1, 2, 3, 20]);
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 60 }),
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 5 }),
        (changes, after, mostChanges) => {
          const newest = new NewestPositions(0, 3, mostChanges);
          const truth = new Map<number, number>();
          let position = 0;
          for (const { nid, gap, late } of changes) {
            position += gap;
            const at = Math.max(0, position - late);
            newest.note([nid], at);
            truth.set(nid, Math.max(truth.get(nid) ?? 0, at));
          }
          for (const [nid, last] of truth) {
            if (last > after) assert.ok(newest.mayHaveChanged(nid, after));
          }
          assert.deepEqual(
            newest.listChanged(asked, after).toSorted((a, b) => a - b),
            [...asked].filter((nid) => newest.mayHaveChanged(nid, after)),
          );
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
