/**
 * A pattern in which `*` stands for any characters, or none, and `?` for exactly one, whatever the case of letters.
 * https://spec.matrix.org/v1.19/appendices/#glob-style-matching
 */
export interface Glob {
  /** Whether the whole text is of the pattern's form. */
  matchesAll(text: string): boolean;
  /** Whether some part of the text is that begins and ends at a word boundary. */
  matchesWords(text: string): boolean;
}

/** What stands between two stars. */
interface Part {
  readonly text: string;
  /** What finds it from a place on, where it has question marks, but not more than an expression should. */
  readonly marked: Readonly<Record<Bounds, RegExp>> | undefined;
  readonly hasMarks: boolean;
}

/** Where a part must lie between word boundaries. */
type Bounds = 'none' | 'start' | 'end' | 'both';

const LONG_TEXT = 256;
/** Of a pattern with more, no expression is made: each mark is compared with each place of a text, and the engine has limits. */
export const MOST_QUESTION_MARKS = 32;

/**
 * Prepares a pattern. Matching never goes back behind a `*` it has passed: its time is at most that of comparing the
 * pattern at each place of the text, whoever wrote the two.
 */
export function compileGlob(pattern: string): Glob {
  const parts = foldCase(pattern).split('*').map(makePart);
  const [first = makePart(''), ...rest] = parts;
  const last = rest.pop();
  return {
    matchesAll: (text) => matchesAll(foldCase(text), first, rest, last),
    matchesWords: (text) => matchesWords(foldCase(text), first, rest, last),
  };
}

/** Whether `words` are in the text, between word boundaries and whatever the case of letters. */
export function containsWords(text: string, words: string): boolean {
  const [folded, wanted] = [foldCase(text), foldCase(words)];
  for (let at = folded.indexOf(wanted); at !== -1; at = folded.indexOf(wanted, at + 1)) {
    if (isBoundary(folded, at) && isBoundary(folded, at + wanted.length)) return true;
  }
  return false;
}

/** Many patterns are held against one long text, one after the other. */
let lastFolded = { text: '', folded: '' };

function foldCase(text: string): string {
  if (text.length < LONG_TEXT) return text.toLowerCase();
  if (text !== lastFolded.text) lastFolded = { text, folded: text.toLowerCase() };
  return lastFolded.folded;
}

function makePart(text: string): Part {
  const marks = text.split('?').length - 1;
  if (marks === 0 || marks > MOST_QUESTION_MARKS) return { text, marked: undefined, hasMarks: marks > 0 };
  const source = text.replaceAll(/[$()*+./[\\\]^{|}]/g, String.raw`\$&`).replaceAll('?', '[^]');
  return {
    text,
    hasMarks: true,
    marked: {
      none: new RegExp(source, 'gu'),
      start: new RegExp(BOUNDARY + source, 'gu'),
      end: new RegExp(source + BOUNDARY, 'gu'),
      both: new RegExp(BOUNDARY + source + BOUNDARY, 'gu'),
    },
  };
}

/** As {@link isBoundary} has it. */
const BOUNDARY = String.raw`(?:(?<!\w)|(?!\w))`;

/** `last` is undefined where the pattern has no star; `between` are the parts that have one on both sides. */
function matchesAll(text: string, first: Part, between: readonly Part[], last: Part | undefined): boolean {
  const start = endOfPart(text, first.text, 0);
  if (last === undefined) return start === text.length;
  const from = start === undefined ? undefined : passParts(text, between, start);
  const tail = startOfTail(text, last.text);
  return from !== undefined && tail !== undefined && from <= tail;
}

function matchesWords(text: string, first: Part, between: readonly Part[], last: Part | undefined): boolean {
  if (last === undefined) return findPart(text, first, 0, 'both') !== undefined;
  // The first place is the best: any later one leaves less for the parts that follow.
  const end = findPart(text, first, 0, 'start');
  const from = end === undefined ? undefined : passParts(text, between, end);
  return from !== undefined && findPart(text, last, from, 'end') !== undefined;
}

/** Passes each part at its earliest place, one after the other: where the last one ends. */
function passParts(text: string, parts: readonly Part[], from: number): number | undefined {
  let at = from;
  for (const part of parts) {
    const end = findPart(text, part, at, 'none');
    if (end === undefined) return undefined;
    at = end;
  }
  return at;
}

/** Where the part ends whose first place, from `from` on, it is. */
function findPart(text: string, part: Part, from: number, bounds: Bounds): number | undefined {
  if (part.marked !== undefined) {
    const expression = part.marked[bounds];
    expression.lastIndex = from;
    return expression.test(text) ? expression.lastIndex : undefined;
  }
  const [mustStart, mustEnd] = [
    bounds === 'start' || bounds === 'both',
    bounds === 'end' || bounds === 'both',
  ];
  for (let at = nextPlace(text, part, from); at <= text.length; at = nextPlace(text, part, at + 1)) {
    if (mustStart && !isBoundary(text, at)) continue;
    const end = part.hasMarks ? endOfPart(text, part.text, at) : at + part.text.length;
    if (end !== undefined && (!mustEnd || isBoundary(text, end))) return end;
  }
  return undefined;
}

/** The next place where the part may begin; beyond the end of the text when there is none. */
function nextPlace(text: string, part: Part, from: number): number {
  if (part.hasMarks || from > text.length) return from;
  const at = text.indexOf(part.text, from);
  return at === -1 ? text.length + 1 : at;
}

/** Where a part without stars ends that begins at a place; undefined when another text is there. */
function endOfPart(text: string, part: string, at: number): number | undefined {
  if (!part.includes('?')) return text.startsWith(part, at) ? at + part.length : undefined;
  let place = at;
  for (const char of part) {
    const found = text.codePointAt(place);
    if (found === undefined || (char !== '?' && found !== char.codePointAt(0))) return undefined;
    place += found > 0xffff ? 2 : 1;
  }
  return place;
}

/** Where the part begins with which the text ends. */
function startOfTail(text: string, part: string): number | undefined {
  let place = text.length;
  for (const char of Array.from(part).toReversed()) {
    const found = codePointBefore(text, place);
    if (found === undefined || (char !== '?' && found !== char.codePointAt(0))) return undefined;
    place -= found > 0xffff ? 2 : 1;
  }
  return place;
}

function codePointBefore(text: string, place: number): number | undefined {
  const wide = place >= 2 ? text.codePointAt(place - 2) : undefined;
  return wide !== undefined && wide > 0xffff ? wide : text.codePointAt(place - 1);
}

/** The start, the end, and beside every character that is no letter of a–z, digit or underscore. */
function isBoundary(text: string, at: number): boolean {
  return !isWordCharacter(text.charCodeAt(at - 1)) || !isWordCharacter(text.charCodeAt(at));
}

/** NaN, which stands beyond both ends, is none. */
function isWordCharacter(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x5f
  );
}
