import assert from 'node:assert/strict';
import fc from 'fast-check';
import { thumbnailSize } from '../../src/media/thumbnail-size.ts';

const size = fc.record({
  width: fc.integer({ min: 1, max: 10_000 }),
  height: fc.integer({ min: 1, max: 10_000 }),
});
const wish = fc.record({
  width: fc.integer({ min: 1, max: 20_000 }),
  height: fc.integer({ min: 1, max: 20_000 }),
  method: fc.constantFrom('crop' as const, 'scale' as const),
});

describe('the size of a thumbnail', () => {
  it('is never above the image, nor below the wish where the image is not', () => {
    fc.assert(
      fc.property(size, wish, (image, wished) => {
        const made = thumbnailSize(image, wished);
        for (const side of ['width', 'height'] as const) {
          assert.ok(made[side] >= 1 && made[side] <= image[side]);
          assert.ok(made[side] >= Math.min(wished[side], image[side]));
        }
      }),
    );
  });

  it('by crop is the wish, by scale has the proportions of the image, if that is large enough', () => {
    fc.assert(
      fc.property(size, wish, (image, wished) => {
        fc.pre(wished.width <= image.width && wished.height <= image.height);
        const made = thumbnailSize(image, wished);
        if (wished.method === 'crop') {
          assert.deepEqual(made, { width: wished.width, height: wished.height });
        } else {
          const tight = made.width === wished.width || made.height === wished.height;
          assert.ok(tight, `${made.width}x${made.height}`);
          assert.ok(
            Math.abs(made.width * image.height - made.height * image.width) <=
              Math.max(image.width, image.height),
          );
        }
      }),
    );
  });
});
