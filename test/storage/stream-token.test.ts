import assert from 'node:assert/strict';
import { formatStreamToken, parseStreamToken } from '../../src/storage/stream-token.ts';

describe('a stream token', () => {
  it('stands for one position, before history as well', () => {
    for (const position of [0, 1, 42, 999_999_999_999, -7]) {
      assert.equal(parseStreamToken(formatStreamToken(position)), position);
    }
  });

  it('of another server is not understood', () => {
    for (const token of ['', 's', 's1_2', 't12', '12', 's1.5', 's9999999999999999', 's 1', 'S1']) {
      assert.equal(parseStreamToken(token), undefined, token);
    }
  });
});
