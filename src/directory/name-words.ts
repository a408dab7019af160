import { localpartOf, type UserId } from '../matrix/identifiers.ts';
import { quoteLexeme } from '../storage/text-search.ts';
import type { NameQuery } from '../storage/user-directory.ts';
import { splitWords } from '../util/words.ts';

const MOST_WORDS = 8;
const LONGEST = 300;

/** What a user is found by, as a `tsvector`: the words of their name and localpart, both of them whole, and the user id. */
export function nameVectorOf(userId: UserId, displayName: string | undefined): string {
  const texts = [localpartOf(userId), displayName ?? ''].map(wordsOf);
  const lexemes = new Set([
    ...texts.flat(),
    ...texts.filter((words) => words.length > 0).map(wholeOf),
    userId.toLowerCase().slice(0, LONGEST),
  ]);
  return [...lexemes].map(quoteLexeme).join(' ');
}

/** What a search term asks for; undefined when there is no word in it. */
export function nameQueryOf(term: string): NameQuery | undefined {
  const words = wordsOf(term).slice(0, MOST_WORDS);
  if (words.length === 0) return undefined;
  // The database keeps no text with NUL in it.
  const plain = term.replaceAll('\0', '').trim();
  const userId = `@${plain.replace(/^@/, '').toLowerCase().slice(0, LONGEST)}`;
  const whole = quoteLexeme(wholeOf(words));
  return {
    fits: `(${words.map(beginningOf).join(' & ')}) | ${beginningOf(userId)}`,
    begins: `${whole}:*`,
    isWhole: whole,
  };
}

function wordsOf(text: string): string[] {
  return splitWords(text).map((word) => word.text);
}

/** No word begins so. */
function wholeOf(words: readonly string[]): string {
  return `=${words.join(' ')}`.slice(0, LONGEST);
}

function beginningOf(lexeme: string): string {
  return `${quoteLexeme(lexeme)}:*`;
}
