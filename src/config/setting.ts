import type { ParseText } from './values.ts';

/** One key of the configuration: `listen` in YAML, `MORROW_LISTEN` in the environment. */
export interface Setting<T> {
  readonly key: string;
  /** One line for `--help` and the README. */
  readonly about: string;
  /** What a right value is, to end the sentence "must be …". */
  readonly expects: string;
  readonly parse: ParseText<T>;
  readonly fallback: T;
  /** The default in words or as it would be written. */
  readonly fallbackText: string;
  /** Never printed. */
  readonly secret?: true;
  /** May be a list in YAML; as text its values are separated by commas. */
  readonly isList?: true;
  /** What it switches on does not exist yet: any value but the default is refused. */
  readonly unavailable?: true;
}
