/** A quick sign that a number may be there which is not written as a plain integer; strings can look like it too. */
const SUSPECT_NUMBER = /(?:^|[[:,\s])(?:-0|-?[0-9]+[.eE])/;
/** The same where no strings are. */
const UNCANONICAL_NUMBER = /-0|[0-9][.eE]/;
const NUMBER = /-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/g;

/**
 * Like `JSON.parse`, for text that holds PDUs: a number that is an integer but not written as one (`1.0`, `1e5`, `-0`)
 * comes out as a fraction. Room versions since v6 refuse such events, and after `JSON.parse` nobody could tell.
 * Throws SyntaxError. https://spec.matrix.org/v1.19/appendices/#canonical-json
 */
export function parsePduJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!SUSPECT_NUMBER.test(text)) return value;
  const parts = splitStrings(text);
  if (!parts.some(isUncanonical)) return value;
  return JSON.parse(
    parts.map((part) => (isUncanonical(part) ? part.replace(NUMBER, markUncanonical) : part)).join(''),
  );
}

/** True when valid JSON text holds a number that canonical JSON would write in another way. */
export function hasUncanonicalNumber(text: string): boolean {
  return SUSPECT_NUMBER.test(text) && splitStrings(text).some(isUncanonical);
}

function isUncanonical(part: string): boolean {
  return !part.startsWith('"') && UNCANONICAL_NUMBER.test(part);
}

function markUncanonical(number: string): string {
  return UNCANONICAL_NUMBER.test(number) && Number.isInteger(Number(number)) ? '0.5' : number;
}

/** The text in parts that are either a whole string with its quotes, or what stands between two strings. */
function splitStrings(text: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  for (let quote = text.indexOf('"'); quote !== -1; quote = text.indexOf('"', start)) {
    const end = findStringEnd(text, quote);
    parts.push(text.slice(start, quote), text.slice(quote, end));
    start = end;
  }
  parts.push(text.slice(start));
  return parts;
}

/** The index after the string that opens at `quote`: its end is a quote after an even number of backslashes. */
function findStringEnd(text: string, quote: number): number {
  for (let end = text.indexOf('"', quote + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}
