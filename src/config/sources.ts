import { parse } from 'yaml';
import { isJsonObject } from '../util/json.ts';
import { envName, SETTINGS } from './settings.ts';

/** Where a configuration comes from. */
export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string;
  /** The names in a directory; undefined for what is none. */
  readonly listDirectory: (path: string) => readonly string[] | undefined;
}

/** What an operator wrote for a key, and the name to blame: the variable, or the key in the file. */
export interface GivenText {
  readonly name: string;
  readonly text: string;
}

/** What was given, by key. */
export interface GivenTexts {
  readonly texts: ReadonlyMap<string, GivenText>;
  /** Names that mean nothing and files that cannot be read, as sentences. */
  readonly complaints: string[];
}

/** The variable that names the YAML file; it has no key of its own in the file. */
export const CONFIG_VARIABLE = 'MORROW_CONFIG';

/** Collects the values as text. A variable that is set but empty counts as unset, as container tools write it. */
export function collectTexts({ env, readFile }: ConfigSources): GivenTexts {
  const complaints: string[] = [];
  const path = env[CONFIG_VARIABLE] ?? '';
  const texts = path === '' ? new Map<string, GivenText>() : readYaml(path, readFile, complaints);
  const keys = new Map(SETTINGS.map(({ key }) => [envName(key), key]));
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('MORROW_') || name === CONFIG_VARIABLE || text === undefined) continue;
    const key = keys.get(name);
    if (key === undefined) complaints.push(unknownName(name, [CONFIG_VARIABLE, ...keys.keys()]));
    else if (text !== '') texts.set(key, { name, text });
  }
  return { texts, complaints };
}

function readYaml(
  path: string,
  readFile: ConfigSources['readFile'],
  complaints: string[],
): Map<string, GivenText> {
  const texts = new Map<string, GivenText>();
  const known = SETTINGS.map(({ key }) => key);
  const lists = new Set(SETTINGS.flatMap(({ key, isList }) => (isList === true ? [key] : [])));
  for (const [key, given] of Object.entries(parseFile(path, readFile, complaints))) {
    const value: unknown = lists.has(key) && isTextList(given) ? given.join() : given;
    const name = `${path}: ${key}`;
    if (!known.includes(key)) complaints.push(`${path}: ${unknownName(key, known)}`);
    else if (typeof value !== 'string')
      complaints.push(`${name}: must be a single value, not a list or a map.`);
    else if (value === '') complaints.push(`${name}: is empty; give it a value or remove the line.`);
    else texts.set(key, { name, text: value });
  }
  return texts;
}

function parseFile(path: string, readFile: ConfigSources['readFile'], complaints: string[]): object {
  try {
    // Under this schema every scalar is text, so that a secret of digits keeps its zeros.
    const document: unknown = parse(readFile(path), { schema: 'failsafe' });
    if (document === null || document === '') return {};
    if (isJsonObject(document)) return document;
    complaints.push(`${path}: must hold lines like "server_name: example.org".`);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    complaints.push(`${CONFIG_VARIABLE}: cannot read ${JSON.stringify(path)}: ${reason}`);
  }
  return {};
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((part) => typeof part === 'string');
}

function unknownName(name: string, known: readonly string[]): string {
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const hint =
    nearest !== undefined && nearest.distance <= 3
      ? `did you mean ${nearest.candidate}?`
      : 'see morrow --help.';
  return `${name}: is no setting; ${hint}`;
}

/** How many letters must be added, removed or replaced to make `b` of `a`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
