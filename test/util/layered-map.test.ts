import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LayeredMap } from '../../src/util/layered-map.ts';

const changes = fc.array(
  fc.array(fc.tuple(fc.nat(200), fc.option(fc.nat(), { nil: undefined })), { maxLength: 40 }),
  { maxLength: 20 },
);

describe('a layered map', () => {
  it('holds what a map would, after any changes, and so does each map on the way', () => {
    fc.assert(
      fc.property(changes, (steps) => {
        const expected: Map<number, number | undefined>[] = [new Map()];
        const actual = [LayeredMap.empty<number, number | undefined>()];
        for (const step of steps) {
          expected.push(new Map([...(expected.at(-1) ?? []), ...step]));
          const next = actual.at(-1)?.with(new Map(step));
          if (next !== undefined) actual.push(next);
        }
        assert.equal(actual.length, expected.length);
        for (const [index, map] of actual.entries()) {
          const twin = expected[index] ?? new Map();
          assert.equal(map.size, twin.size);
          for (let key = 0; key <= 200; key += 1) {
            assert.equal(map.has(key), twin.has(key));
            assert.equal(map.get(key), twin.get(key));
          }
        }
      }),
    );
  });

  it('tells a value that is undefined from none', () => {
    const map = LayeredMap.empty<string, undefined>().with(new Map([['a', undefined]]));
    assert.deepEqual([map.has('a'), map.has('b'), map.size], [true, false, 1]);
  });
});
