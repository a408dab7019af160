import { isJsonArray, isJsonObject, type JsonValue } from '../../src/util/json.ts';
import type { Chance } from './chance.ts';
import { oddJson, oddText } from './odd-values.ts';

/** Stands in a value for the text that replaces it once all is written. */
const HOLE = 'a hole in the value';

/** The text of a body like `value` that is wrong in one place: in a value, a key, what is there, or as text. */
export function mutateJson(chance: Chance, value: JsonValue): Buffer {
  if (chance.oneIn(12)) return Buffer.from(oddJson(chance));
  if (chance.oneIn(6)) return breakText(chance, Buffer.from(JSON.stringify(value)));
  const at = chance.below(countNodes(value));
  const mutated = JSON.stringify(replaceNode(chance, value, { left: at }));
  return Buffer.from(mutated.replace(JSON.stringify(HOLE), () => oddJson(chance)));
}

function countNodes(value: JsonValue): number {
  if (isJsonArray(value)) return value.reduce<number>((sum, item) => sum + countNodes(item), 1);
  if (!isJsonObject(value)) return 1;
  return Object.values(value).reduce<number>((sum, item) => sum + countNodes(item ?? null), 1);
}

/** The value with the node that is `left` steps away, counted in the order of the text, made odd. */
function replaceNode(chance: Chance, value: JsonValue, steps: { left: number }): JsonValue {
  if (steps.left-- === 0) return oddNode(chance, value);
  if (isJsonArray(value)) return value.map((item) => replaceNode(chance, item, steps));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(
    ([key, item]) => [key, replaceNode(chance, item ?? null, steps)] as const,
  );
  return Object.fromEntries(entries);
}

function oddNode(chance: Chance, value: JsonValue): JsonValue {
  if (isJsonObject(value) && chance.oneIn(2)) {
    const keys = Object.keys(value);
    if (keys.length > 0 && chance.oneIn(2)) {
      const lost = chance.pick(keys);
      return Object.fromEntries(Object.entries(value).filter(([key]) => key !== lost));
    }
    return { ...value, [oddText(chance)]: HOLE };
  }
  if (isJsonArray(value) && chance.oneIn(2)) return [...value, ...value, HOLE];
  if (typeof value === 'string' && chance.oneIn(3)) return value + oddText(chance);
  return HOLE;
}

const ODD_BYTES: readonly Buffer[] = [
  [0x00],
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xe2, 0x82],
  [0xef, 0xbb, 0xbf],
  [0x22],
  [0x7d],
].map((bytes) => Buffer.from(bytes));

/** Cuts the text off, or puts bytes into it that do not belong there. */
export function breakText(chance: Chance, text: Buffer): Buffer {
  const at = chance.below(text.length + 1);
  if (chance.oneIn(3)) return text.subarray(0, at);
  return Buffer.concat([text.subarray(0, at), chance.pick(ODD_BYTES), text.subarray(at)]);
}
