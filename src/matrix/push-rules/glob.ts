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

/** What stands between two stars: it is as long wherever it is found. */
interface Part {
  readonly text: string;
  /** Where there are question marks: what finds it from a place on, and what matches it at one. */
  readonly marked: { readonly from: RegExp; readonly at: RegExp } | undefined;
}

interface Place {
  readonly start: number;
  readonly end: number;
}

const LONG_TEXT = 256;

/**
 * Prepares a pattern. Matching never goes back behind a `*` it has passed: its time is at most that of comparing the
 * pattern at each place of the text, whoever wrote the two, and the engine does that.
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
  if (!text.includes('?')) return { text, marked: undefined };
  const source = text.replaceAll(/[$()*+./[\\\]^{|}]/g, String.raw`\$&`).replaceAll('?', '[^]');
  return { text, marked: { from: new RegExp(source, 'gu'), at: new RegExp(source, 'yu') } };
}

/** `last` is undefined where the pattern has no star; `between` are the parts that have one on both sides. */
function matchesAll(text: string, first: Part, between: readonly Part[], last: Part | undefined): boolean {
  const start = endOfPart(text, first, 0);
  if (last === undefined) return start === text.length;
  const from = start === undefined ? undefined : passParts(text, between, start);
  const tail = startOfTail(text, last.text);
  return from !== undefined && tail !== undefined && from <= tail;
}

function matchesWords(text: string, first: Part, between: readonly Part[], last: Part | undefined): boolean {
  for (const { start, end } of placesOf(text, first, 0)) {
    if (!isBoundary(text, start)) continue;
    if (last === undefined) {
      if (isBoundary(text, end)) return true;
      continue;
    }
    // The first place is the best: any later one leaves less for the parts that follow.
    const from = passParts(text, between, end);
    return from !== undefined && endsAtBoundary(text, last, from);
  }
  return false;
}

/** Passes each part at its earliest place, one after the other: where the last one ends. */
function passParts(text: string, parts: readonly Part[], from: number): number | undefined {
  let at = from;
  for (const part of parts) {
    const found = findPart(text, part, at);
    if (found === undefined) return undefined;
    at = found.end;
  }
  return at;
}

/** Whether a part lies somewhere after `from` and ends at a word boundary. */
function endsAtBoundary(text: string, part: Part, from: number): boolean {
  for (const { end } of placesOf(text, part, from)) if (isBoundary(text, end)) return true;
  return false;
}

/** All places at which the part lies, which may overlap. */
function* placesOf(text: string, part: Part, from: number): Generator<Place> {
  for (let place = findPart(text, part, from); place !== undefined;) {
    yield place;
    place = findPart(text, part, place.start + widthAt(text, place.start));
  }
}

/** The first place from `from` on at which the part lies. */
function findPart(text: string, part: Part, from: number): Place | undefined {
  if (from > text.length) return undefined;
  if (part.marked === undefined) {
    const start = text.indexOf(part.text, from);
    return start === -1 ? undefined : { start, end: start + part.text.length };
  }
  const expression = part.marked.from;
  expression.lastIndex = from;
  const found = expression.exec(text);
  return found === null ? undefined : { start: found.index, end: expression.lastIndex };
}

/** Where a part ends that begins at a place; undefined when another text is there. */
function endOfPart(text: string, part: Part, at: number): number | undefined {
  if (part.marked === undefined) return text.startsWith(part.text, at) ? at + part.text.length : undefined;
  const expression = part.marked.at;
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : undefined;
}

/** How long the character at a place is, in units of the text. Expressions see no halves of one. */
function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
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
