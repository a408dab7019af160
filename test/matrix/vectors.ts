import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';

/** A fixture of `vectors/`; the asking test knows its shape. */
export function readVectors(file: string): unknown {
  return JSON.parse(readText(file));
}

/** A fixture with one JSON value per line. */
export function readVectorLines(file: string): readonly unknown[] {
  const lines = readText(file).split('\n');
  return lines.filter((line) => line !== '').map((line): unknown => JSON.parse(line));
}

function readText(file: string): string {
  return readFileSync(new URL(`vectors/${file}`, import.meta.url), 'utf8');
}

/** The value, which the test knows to be there. */
export function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected a value');
  return value;
}

const text = fc.string({ unit: 'binary', maxLength: 8 });

/** Any JSON that canonical JSON can hold, keys of every plane and `__proto__` included. */
export const canonicalValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(text, fc.maxSafeInteger(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', '10', '9', '\u{1f408}', '｡')), tie('value'), {
      maxKeys: 5,
    }),
  ),
})).value;

export const canonicalObject: fc.Arbitrary<JsonObject> = fc.dictionary(text, canonicalValue, { maxKeys: 6 });
