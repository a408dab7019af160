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

/**
 * Prepares a pattern. Matching never goes back behind a `*` it has passed: its time is at most that of comparing the
 * pattern at each place of the text, whoever wrote the two.
 */
export function compileGlob(pattern: string): Glob {
  const parts = foldCase(pattern).split('*');
  const [first = '', ...rest] = parts;
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

function foldCase(text: string): string {
  return text.toLowerCase();
}

/** `last` is undefined where the pattern has no star; `between` are the parts that have one on both sides. */
function matchesAll(
  text: string,
  first: string,
  between: readonly string[],
  last: string | undefined,
): boolean {
  const start = endOfPart(text, first, 0);
  if (last === undefined) return start === text.length;
  const from = start === undefined ? undefined : passParts(text, between, start);
  const tail = startOfTail(text, last);
  return from !== undefined && tail !== undefined && from <= tail;
}

function matchesWords(
  text: string,
  first: string,
  between: readonly string[],
  last: string | undefined,
): boolean {
  for (let at = 0; at <= text.length; at++) {
    if (!isBoundary(text, at)) continue;
    const end = endOfPart(text, first, at);
    if (end === undefined) continue;
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
function passParts(text: string, parts: readonly string[], from: number): number | undefined {
  let at = from;
  for (const part of parts) {
    const end = endOfNext(text, part, at);
    if (end === undefined) return undefined;
    at = end;
  }
  return at;
}

function endOfNext(text: string, part: string, from: number): number | undefined {
  if (!part.includes('?')) {
    const at = text.indexOf(part, from);
    return at === -1 ? undefined : at + part.length;
  }
  for (let at = from; at <= text.length; at++) {
    const end = endOfPart(text, part, at);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** Whether a part lies somewhere after `from` and ends at a word boundary. */
function endsAtBoundary(text: string, part: string, from: number): boolean {
  for (let at = from; at <= text.length; at++) {
    const end = endOfPart(text, part, at);
    if (end !== undefined && isBoundary(text, end)) return true;
  }
  return false;
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
