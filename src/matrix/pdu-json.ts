/** A quick sign that a number may be there which is not written as a plain integer; strings can look like it too. */
const SUSPECT_NUMBER = /(?:^|[[:,\s])(?:-0|-?[0-9]+[.eE])/;
/** A whole string, or a whole number: scanning by these keeps digits within strings out. */
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/g;
const PLAIN_INTEGER = /^(?:0|-?[1-9][0-9]*)$/;

/**
 * Like `JSON.parse`, for text that holds PDUs: a number that is an integer but not written as one (`1.0`, `1e5`, `-0`)
 * comes out as a fraction. Room versions since v6 refuse such events, and after `JSON.parse` nobody could tell.
 * Throws SyntaxError. https://spec.matrix.org/v1.19/appendices/#canonical-json
 */
export function parsePduJson(text: string): unknown {
  return JSON.parse(SUSPECT_NUMBER.test(text) ? text.replace(STRING_OR_NUMBER, markUncanonical) : text);
}

/** True when the text holds a number that canonical JSON would write in another way. */
export function hasUncanonicalNumber(text: string): boolean {
  if (!SUSPECT_NUMBER.test(text)) return false;
  return (text.match(STRING_OR_NUMBER) ?? []).some(
    (token) => !token.startsWith('"') && !PLAIN_INTEGER.test(token),
  );
}

function markUncanonical(token: string): string {
  if (token.startsWith('"') || PLAIN_INTEGER.test(token)) return token;
  return Number.isInteger(Number(token)) ? '0.5' : token;
}
