import type { JsonValue } from '../../src/util/json.ts';
import type { Chance } from './chance.ts';

const NUL = '\u0000';
const LONE_HIGH = '\ud800';
const LONE_LOW = '\udfff';

const ODD_TEXTS: readonly string[] = [
  '',
  ' ',
  NUL,
  `a${NUL}b`,
  LONE_HIGH,
  `x${LONE_LOW}y`,
  '\u{1f9e8}',
  '\ufeff',
  '\u202e',
  'İıſK',
  'a\u0301\u0301\u0301',
  '..',
  '../../etc/passwd',
  '/',
  '//',
  '%',
  '%00',
  '%2F',
  '+',
  '\\',
  "'",
  '"',
  "' or 1=1; --",
  '{}',
  '[]',
  '*',
  '?',
  '_%',
  '$',
  '$1',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  'true',
  '\r\n',
  '\t',
  '-1',
  '0',
  '1e999',
  '١٢٣',
  'x'.repeat(255),
  'x'.repeat(256),
  'é'.repeat(128),
  'x'.repeat(3000),
  '@',
  '!',
  '#',
  ':',
  '@:',
  '@a:',
  ':localhost',
  '@a:localhost:99999',
  '@A:localhost',
  '@é:localhost',
  `@a${NUL}:localhost`,
  `@${'x'.repeat(300)}:localhost`,
  '@a:[::1]:8448',
  '!r:localhost',
  `!${NUL}:localhost`,
  '!r',
  '$e',
  '$e:localhost',
  '#a:localhost',
  '#:localhost',
  `#${LONE_HIGH}:localhost`,
  'mxc://localhost/a',
  'm.room.member',
  'm.room.create',
  'm.relates_to',
];

/** Where numbers are expected as text: in queries. */
const ODD_NUMERALS: readonly string[] = [
  '0',
  '1',
  '-1',
  '-0',
  '1.5',
  '1e3',
  '1e999',
  '9007199254740991',
  '9007199254740992',
  '9223372036854775807',
  '9223372036854775808',
  '99999999999999999999',
  '2147483648',
  '4294967296',
  'NaN',
  'Infinity',
  '-Infinity',
  '0x10',
  '１',
  ' 1',
  '1 ',
  '+1',
  '',
  'null',
];

const ODD_TOKENS: readonly string[] = [
  's',
  's-1',
  's0',
  's1',
  's1.5',
  's99999999999999999999',
  's9223372036854775807',
  's9007199254740993',
  'S1',
  't1',
  'p1',
  's1_2',
  's1~2',
  '1',
  '0',
  '-1',
  's٣',
  's1\u0000',
  'b1',
  'a'.repeat(500),
];

const ODD_NUMBERS: readonly number[] = [
  0,
  -1,
  1,
  -0,
  1.5,
  -1.5,
  1e-7,
  1e21,
  1e308,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53),
  2 ** 63,
  2 ** 64,
];

/** JSON texts that no value of ours is written as: numbers beyond doubles, keys twice, and what only looks like JSON. */
const ODD_RAW: readonly string[] = [
  '1e999',
  '-1e999',
  '9223372036854775808',
  '-9223372036854775809',
  '1.0',
  '1E2',
  '-0.0',
  '0.1e-400',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  'NaN',
  'undefined',
  "'a'",
  '{a:1}',
  '[1,]',
  '01',
  '+1',
  '"\t"',
  '"\\x41"',
];

export function oddText(chance: Chance): string {
  return chance.pick(ODD_TEXTS);
}

export function oddNumeral(chance: Chance): string {
  return chance.pick(ODD_NUMERALS);
}

export function oddToken(chance: Chance): string {
  return chance.pick(ODD_TOKENS);
}

/** JSON text of something that hardly anybody expects. */
export function oddJson(chance: Chance): string {
  if (chance.oneIn(4)) return chance.pick(ODD_RAW);
  if (chance.oneIn(12)) return deepJson(chance);
  return JSON.stringify(oddValue(chance));
}

function oddValue(chance: Chance): JsonValue {
  const kinds: readonly (() => JsonValue)[] = [
    () => null,
    () => true,
    () => chance.pick(ODD_NUMBERS),
    () => oddText(chance),
    () => [],
    () => ({}),
    () => [oddText(chance), chance.pick(ODD_NUMBERS), null],
    () => ({ [oddText(chance)]: oddText(chance) }),
    () => ({ [oddText(chance)]: { [oddText(chance)]: [chance.pick(ODD_NUMBERS)] } }),
    () => Array.from({ length: 1 + chance.below(300) }, () => chance.pick(['a', 1, null])),
  ];
  return chance.pick(kinds)();
}

/** Below, at and above what a body may be nested. */
function deepJson(chance: Chance): string {
  const depth = chance.pick([20, 90, 97, 98, 99, 100, 101, 5000]);
  const [open, close] = chance.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}
