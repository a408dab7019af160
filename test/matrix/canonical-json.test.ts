import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  CanonicalJsonError,
  encodeCanonicalJson,
  encodeCanonicalJsonWithout,
  LENIENT_JSON,
  STRICT_JSON,
} from '../../src/matrix/canonical-json.ts';
import { hasUncanonicalNumber, parsePduJson } from '../../src/matrix/pdu-json.ts';
import type { JsonValue } from '../../src/util/json.ts';
import { canonicalValue, readVectors } from './vectors.ts';

interface Vectors {
  readonly canonicalise: readonly {
    readonly name: string;
    readonly input: string;
    readonly canonical: string;
  }[];
  readonly strictEvents: readonly {
    readonly name: string;
    readonly input: string;
    readonly valid: boolean;
  }[];
}

const vectors = readVectors('canonical-json.json') as Vectors;

function parse(text: string): JsonValue {
  return JSON.parse(text) as JsonValue;
}

function faultOf(value: JsonValue, limits = STRICT_JSON): string {
  try {
    encodeCanonicalJson(value, limits);
  } catch (error) {
    if (error instanceof CanonicalJsonError) return error.reason;
    throw error;
  }
  return 'none';
}

describe('canonical JSON', () => {
  for (const { name, input, canonical } of vectors.canonicalise) {
    it(`encodes: ${name}`, () => assert.equal(encodeCanonicalJson(parse(input)), canonical));
  }

  it('reads back as the value it was made of', () => {
    fc.assert(
      fc.property(canonicalValue, (value) => {
        const text = encodeCanonicalJson(value);
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
        assert.equal(encodeCanonicalJson(parse(text)), text);
      }),
    );
  });

  it('orders keys by code point however many there are', () => {
    const keys = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 3 }), {
      minLength: 20,
      maxLength: 40,
    });
    fc.assert(
      fc.property(keys, (names) => {
        const text = encodeCanonicalJson(Object.fromEntries(names.map((name) => [name, 0])));
        const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.equal(text, `{${byBytes.map((name) => `${JSON.stringify(name)}:0`).join(',')}}`);
      }),
    );
  });

  it('leaves members out that are undefined or asked to be omitted', () => {
    assert.equal(encodeCanonicalJson({ b: undefined, a: 1 }), '{"a":1}');
    assert.equal(
      encodeCanonicalJsonWithout({ a: 1, b: 2, c: { b: 3 } }, new Set(['b'])),
      '{"a":1,"c":{"b":3}}',
    );
  });

  it('refuses floats and integers beyond ±(2^53−1) when strict', () => {
    assert.equal(faultOf([1.5]), 'float');
    for (const value of [2 ** 53, -(2 ** 53), 1e300]) assert.equal(faultOf({ a: value }), 'integer-range');
    for (const value of [2 ** 53 - 1, -(2 ** 53 - 1), 0]) assert.equal(faultOf(value), 'none');
  });

  it('writes them when lenient', () => {
    assert.equal(
      encodeCanonicalJson({ a: 1.5, b: 2 ** 53, c: -0 }, LENIENT_JSON),
      '{"a":1.5,"b":9007199254740992,"c":0}',
    );
  });

  for (const limits of [STRICT_JSON, LENIENT_JSON]) {
    const mode = limits.strict ? 'strict' : 'lenient';

    it(`refuses what JSON cannot hold (${mode})`, () => {
      for (const value of [NaN, Infinity, -Infinity]) assert.equal(faultOf([value], limits), 'not-json');
      for (const value of [[undefined], 1n, Symbol('x'), () => 0]) {
        assert.equal(faultOf(value as unknown as JsonValue, limits), 'not-json');
      }
    });

    it(`refuses lone surrogates in values and keys (${mode})`, () => {
      for (const text of ['\ud800', 'a\udc00', `${'x'.repeat(100)}\udfff`]) {
        assert.equal(faultOf(text, limits), 'lone-surrogate');
        assert.equal(faultOf({ [text]: 1 }, limits), 'lone-surrogate');
      }
      assert.equal(faultOf('\\ud800 \u{1f408}', limits), 'none');
    });

    it(`refuses nesting beyond the limit without overflowing the stack (${mode})`, () => {
      const nested = (depth: number): JsonValue => parse(`${'['.repeat(depth)}0${']'.repeat(depth)}`);
      assert.equal(faultOf(nested(200), limits), 'none');
      assert.equal(faultOf(nested(201), limits), 'too-deep');
      assert.equal(faultOf(nested(100_000), limits), 'too-deep');
      assert.equal(faultOf(parse(`${'{"a":'.repeat(201)}0${'}'.repeat(201)}`), limits), 'too-deep');
    });
  }
});

describe('JSON text of PDUs', () => {
  for (const { name, input, valid } of vectors.strictEvents) {
    it(`${valid ? 'accepts' : 'refuses'} in room versions since v6: ${name}`, () => {
      assert.equal(faultOf(parsePduJson(input) as JsonValue) === 'none', valid);
    });
  }

  it('reads text of plain integers as JSON.parse does', () => {
    const text = '{"a":[1,-2,"3.5, 1e5 \\"-0",{"ip":"1.2.3.4","b":0}], "c" : 10}';
    assert.equal(hasUncanonicalNumber(text), false);
    assert.deepEqual(parsePduJson(text), JSON.parse(text));
  });

  it('is read as JSON.parse reads it while no number is spelt otherwise', () => {
    fc.assert(
      fc.property(canonicalValue, (value) => {
        const text = JSON.stringify({ value, odd: '\\"-0, 1.5' }, undefined, 1);
        assert.equal(hasUncanonicalNumber(text), false);
        assert.deepEqual(parsePduJson(text), JSON.parse(text));
      }),
    );
  });

  it('keeps the rest when one number is spelt otherwise', () => {
    assert.deepEqual(parsePduJson('{"a\\\\":1.0,"\\"b-0":[1,"1.0",2.5,-0]}'), {
      'a\\': 0.5,
      '"b-0': [1, '1.0', 2.5, 0.5],
    });
    assert.throws(() => parsePduJson('{"a":1.0'), SyntaxError);
  });

  it('notices other spellings of integers at any place', () => {
    for (const text of ['1.0', '[1e2]', '{"a": -0}', '[0,\n1.00]', '{"a":1E+2}', '["x",-1.0]']) {
      assert.equal(hasUncanonicalNumber(text), true, text);
      assert.notEqual(faultOf(parsePduJson(text) as JsonValue), 'none', text);
    }
  });
});
