import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { decodeBase64, encodeUnpaddedBase64, encodeUrlSafeBase64 } from '../../src/matrix/base64.ts';
import { readVectors } from './vectors.ts';

interface Vectors {
  readonly base64: readonly { readonly text: string; readonly unpadded: string }[];
}

describe('base64', () => {
  for (const { text, unpadded } of (readVectors('canonical-json.json') as Vectors).base64) {
    it(`encodes "${text}" without padding`, () =>
      assert.equal(encodeUnpaddedBase64(Buffer.from(text)), unpadded));
  }

  it('decodes what it encoded, in both alphabets, padded or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        for (const text of [
          encodeUnpaddedBase64(bytes),
          encodeUrlSafeBase64(bytes),
          buffer.toString('base64'),
        ]) {
          assert.deepEqual(decodeBase64(text), buffer);
        }
      }),
    );
  });

  it('refuses what is not base64', () => {
    for (const text of ['a', 'ab c', 'ab=c', 'é', 'ab===', 'a\n', 'Zm9vY'])
      assert.equal(decodeBase64(text), undefined);
  });
});
