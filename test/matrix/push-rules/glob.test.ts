import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileGlob, containsWords } from '../../../src/matrix/push-rules/glob.ts';

const WHOLE: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ['lunc?*', 'Lunch plans', true],
  ['lunc?*', 'LUNCH', true],
  ['lunc?*', ' lunch', false],
  ['lunc?*', 'lunc', false],
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['*', 'anything', true],
  ['?', '😀', true],
  ['?', '', false],
  ['a?c', 'a😀c', true],
  ['*?c', '😀c', true],
  ['a*b*c', 'a-b-b-c', true],
  ['a*b*c', 'acb', false],
  ['ab*b', 'ab', false],
  ['ab*ba', 'aba', false],
  ['m.room.*', 'm.room.member', true],
  ['m.room.member', 'mxroomxmember', false],
  ['[a-z]', 'b', false],
  ['[A-Z]', '[a-z]', true],
  ['a**b', 'ab', true],
  ['*a?*', 'xxabxx', true],
];

const WORDS: typeof WHOLE = [
  ['ex*ple', 'An example event.', true],
  ['ex*ple', 'exple', true],
  ['ex*ple', 'An exciting triple-whammy', true],
  ['ex*ple', 'An examples event', false],
  ['cake', 'I like CAKE.', true],
  ['cake', 'cakes', false],
  ['cake', 'pancake', false],
  ['cake', 'cheese_cake', false],
  ['cake', 'cheese-cake', true],
  ['cake', 'cakes and a cake', true],
  ['cake', 'käsecake', false],
  ['cake', 'ücake', true],
  ['ca?e', 'a cane!', true],
  ['*cake', 'pancake', true],
  ['cake*', 'cakes', true],
  ['pan*', 'frying pans', true],
  ['ake', 'cake', false],
  ['@room', 'hi @room!', true],
  ['@room', 'hi@room', true],
  ['c++', 'I write c++ here', true],
  ['😀', 'so 😀 happy', true],
  ['', 'anything', true],
  ['a*b*c', 'x a b b', false],
  ['a*b', 'a bc ab', true],
  ['cake?', 'cake', false],
];

describe('a glob', () => {
  for (const [pattern, text, matches] of WHOLE) {
    it(`${JSON.stringify(pattern)} ${matches ? 'matches' : 'does not match'} the whole of ${JSON.stringify(text)}`, () => {
      assert.equal(compileGlob(pattern).matchesAll(text), matches);
    });
  }

  for (const [pattern, text, matches] of WORDS) {
    it(`${JSON.stringify(pattern)} ${matches ? 'matches' : 'does not match'} words of ${JSON.stringify(text)}`, () => {
      assert.equal(compileGlob(pattern).matchesWords(text), matches);
    });
  }

  it('matches as a regular expression of the same meaning does', () => {
    const small = fc.string({ unit: fc.constantFrom('a', 'b', '-', '_'), maxLength: 8 });
    const globs = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*', '?'), maxLength: 6 });
    fc.assert(
      fc.property(globs, small, (pattern, text) => {
        const body = pattern.replaceAll('*', '.*').replaceAll('?', '.');
        const glob = compileGlob(pattern);
        assert.equal(glob.matchesAll(text), new RegExp(`^${body}$`).test(text));
        const boundary = '(?:^|$|(?<=\\W)|(?=\\W))';
        assert.equal(glob.matchesWords(text), new RegExp(`${boundary}${body}${boundary}`).test(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes no time that explodes, whatever pattern meets whatever text', () => {
    const glob = compileGlob(`${'a*'.repeat(500)}b`);
    const started = process.hrtime.bigint();
    assert.equal(glob.matchesAll('a'.repeat(60_000)), false);
    assert.equal(glob.matchesWords('a '.repeat(30_000)), false);
    assert.ok(process.hrtime.bigint() - started < 2_000_000_000n);
  });
});

describe('a name', () => {
  it('is found between word boundaries, without any character standing for others', () => {
    assert.equal(containsWords('hello Alice!', 'alice'), true);
    assert.equal(containsWords('malice', 'alice'), false);
    assert.equal(containsWords('malice and alice', 'alice'), true);
    assert.equal(containsWords('hello alice', 'al*'), false);
    assert.equal(containsWords('hello al*', 'al*'), true);
  });
});
