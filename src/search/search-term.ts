import { quoteLexeme } from '../storage/text-search.ts';
import { splitWords, type Word } from '../util/words.ts';

/** Words that must follow each other. */
export interface Phrase {
  readonly words: readonly string[];
  /** The last word may be the beginning of a longer one. */
  readonly isPrefix: boolean;
}

const MOST_WORDS = 50;
/** Beginnings that are shorter would be those of half the words there are. */
const SHORTEST_BEGINNING = 3;

/**
 * What a search term asks for: all of its words, in any order, each of them maybe the beginning of a longer word; and
 * what stands in double quotes exactly so. Empty when there is no word in it.
 */
export function parseSearchTerm(term: string): readonly Phrase[] {
  const phrases: Phrase[] = [];
  let left = MOST_WORDS;
  for (const [, quoted, plain = ''] of term.matchAll(/"([^"]*)"|([^\s"]+)/g)) {
    const words = splitWords(quoted ?? plain)
      .map((word) => word.text)
      .slice(0, left);
    if (words.length === 0) continue;
    const isPrefix = quoted === undefined && (words.at(-1) ?? '').length >= SHORTEST_BEGINNING;
    phrases.push({ words, isPrefix });
    left -= words.length;
  }
  return phrases;
}

/** The phrases in the language of PostgreSQL's `tsquery`. */
export function tsQueryOf(phrases: readonly Phrase[]): string {
  return phrases
    .map(({ words, isPrefix }) => {
      const lexemes = words.map(quoteLexeme).join(' <-> ');
      return `(${lexemes}${isPrefix ? ':*' : ''})`;
    })
    .join(' & ');
}

/** The same for events of a few rooms only. */
export function withinRooms(tsQuery: string, roomNids: readonly number[]): string {
  return `(${roomNids.map((nid) => quoteLexeme(roomLexeme(nid))).join(' | ')}) & ${tsQuery}`;
}

/** What stands for a room among the words of its events. No word has this form. */
function roomLexeme(roomNid: number): string {
  return `#${roomNid}`;
}

const LAST_PLACE = 16_383;
const MOST_PLACES = 255;

/** A text as a PostgreSQL `tsvector`: its words with their places, and its room. undefined when there is no word in it. */
export function tsVectorOf(text: string, roomNid: number): string | undefined {
  const places = new Map<string, number[]>();
  for (const [index, { text: word }] of splitWords(text).entries()) {
    const known = places.get(word) ?? [];
    places.set(word, known);
    if (index < LAST_PLACE && known.length < MOST_PLACES) known.push(index + 1);
  }
  if (places.size === 0) return undefined;
  const lexemes = [...places].map(
    ([word, at]) => quoteLexeme(word) + (at.length === 0 ? '' : `:${at.join(',')}`),
  );
  return [quoteLexeme(roomLexeme(roomNid)), ...lexemes].join(' ');
}

/** Whatever in a text fits one of the phrases, as it is written there but in lower case. */
export function findMatches(text: string, phrases: readonly Phrase[]): ReadonlySet<string> {
  const words = splitWords(text);
  const found = new Set<string>();
  for (const phrase of phrases) {
    for (const [index, first] of words.entries()) {
      const last = words[index + phrase.words.length - 1];
      if (last !== undefined && fitsAt(words, index, phrase))
        found.add(text.slice(first.start, last.end).toLowerCase());
    }
  }
  return found;
}

function fitsAt(words: readonly Word[], index: number, { words: wanted, isPrefix }: Phrase): boolean {
  return wanted.every((word, offset) => {
    const there = words[index + offset]?.text;
    return isPrefix && offset === wanted.length - 1 ? there?.startsWith(word) === true : there === word;
  });
}
