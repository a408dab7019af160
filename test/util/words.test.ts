import assert from 'node:assert/strict';
import { splitWords } from '../../src/util/words.ts';

function wordsOf(text: string): string[] {
  return splitWords(text).map((word) => word.text);
}

describe('the words of a text', () => {
  it('know no case, no accents and no compatibility variants', () => {
    assert.deepEqual(wordsOf('Élodie ÉLODIE e\u0301lodie ＥＬＯＤＩＥ'), Array(4).fill('elodie'));
    assert.deepEqual(wordsOf('ΟΔΟΣ οδος ПРИВЕТ'), ['οδοσ', 'οδοσ', 'привет']);
  });

  it('are what lies between signs and spaces', () => {
    assert.deepEqual(wordsOf("don't: foo_bar, v1.2 (x-y)!"), ['don', 't', 'foo', 'bar', 'v1', '2', 'x', 'y']);
    assert.deepEqual(wordsOf(' …!? '), []);
  });

  it('are characters where no spaces are written, and signs with a picture', () => {
    assert.deepEqual(wordsOf('東京タワー abc 🎉🎉'), ['東', '京', 'タ', 'ワ', 'ー', 'abc', '🎉', '🎉']);
  });

  it('keep the marks that are no accents', () => {
    assert.deepEqual(wordsOf('हिन्दी'), ['हिन्दी']);
    assert.deepEqual(wordsOf('が'), ['が']);
  });

  it('say where they stand in the text as it was written', () => {
    const text = 'Ça, là';
    assert.deepEqual(
      splitWords(text).map(({ start, end }) => text.slice(start, end)),
      ['Ça', 'là'],
    );
  });
});
