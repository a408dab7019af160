/** A word of a text in its normal form, and where in the text it stands. */
export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Of writing systems that put no space between words each character counts as a word. */
const SPACELESS =
  '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}]';
const WORD = new RegExp(
  `${SPACELESS}\\p{M}*|\\p{Extended_Pictographic}|(?:(?!${SPACELESS})[\\p{L}\\p{N}]\\p{M}*)+`,
  'gu',
);
const ACCENTS = /[\u0300-\u036f]/g;
const LONGEST_WORD = 100;

/**
 * The words of a text, in order. The normal form knows no case, no accents and no compatibility variants, so that it is
 * the same whatever locale a database has.
 */
export function splitWords(text: string): Word[] {
  return [...text.matchAll(WORD)].map((match) => ({
    text: normalise(match[0]),
    start: match.index,
    end: match.index + match[0].length,
  }));
}

function normalise(word: string): string {
  const bare = word.normalize('NFKD').replace(ACCENTS, '').normalize('NFC').toLowerCase();
  return bare.replaceAll('ς', 'σ').slice(0, LONGEST_WORD);
}
