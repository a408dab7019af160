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
  return joinPhrases(phrases, ' <-> ');
}

/** The same without the order of words, which the index does not know, and for events of some rooms only if it says so. */
export function indexQueryOf(phrases: readonly Phrase[], roomNids?: readonly number[]): string {
  const words = joinPhrases(phrases, ' & ');
  if (roomNids === undefined) return words;
  return `(${roomNids.map((nid) => quoteLexeme(roomLexeme(nid))).join(' | ')}) & ${words}`;
}

function joinPhrases(phrases: readonly Phrase[], bond: string): string {
  return phrases
    .map(({ words, isPrefix }) => `(${words.map(quoteLexeme).join(bond)}${isPrefix ? ':*' : ''})`)
    .join(' & ');
}

/** What stands for a room among the words of its events. No word has this form. */
function roomLexeme(roomNid: number): string {
  return `#${roomNid}`;
}

/** The words of a text as they are kept: one a line, its room at the end. undefined when there is no word in it. */
export function searchableWords(text: string, roomNid: number): string | undefined {
  const words = splitWords(text).map((word) => word.text);
  return words.length === 0 ? undefined : [...words, roomLexeme(roomNid)].join('\n');
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
