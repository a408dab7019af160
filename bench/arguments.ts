import { parseArgs } from 'node:util';
import type { Target } from './open-bench.ts';

export const USAGE = `Usage: npm run bench -- --base URL | --spawn [options]
       npm run bench -- --compare A.json B.json

Measures a homeserver in a closed loop. It must have open registration and no rate limits; it is written to.

  --base URL       the server to measure, such as http://127.0.0.1:8008
  --spawn          measure a server of ours, started with a fresh database: this measures everything
  --pid PID        the process of the server at --base: its processor time and memory are measured too
  --only REGEX     only what has a name like this
  --list           print the names
  --growth         how figures change when there is 10 and 100 times as much
  --rounds N       rounds that count, after one that does not (3)
  --seconds S      length of a round (2)
  --scale X        make all amounts so many times as large (1)
  --json FILE      write the raw figures
  --compare        how many times as good each figure of the second file is
  --program FILE   what --spawn starts (dist/main.js, built if it is out of date)
`;

/** What is to be done. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'list'; readonly only: RegExp }
  | { readonly kind: 'wrong'; readonly complaint: string }
  | { readonly kind: 'compare'; readonly files: readonly [string, string] }
  | MeasureCommand;

export interface MeasureCommand {
  readonly kind: 'measure' | 'growth';
  readonly target: Target;
  readonly only: RegExp;
  readonly rounds: number;
  readonly seconds: number;
  readonly scale: number;
  readonly jsonFile: string | undefined;
}

const OPTIONS = {
  base: { type: 'string' },
  spawn: { type: 'boolean' },
  program: { type: 'string' },
  pid: { type: 'string' },
  only: { type: 'string' },
  list: { type: 'boolean' },
  growth: { type: 'boolean' },
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '2' },
  scale: { type: 'string', default: '1' },
  json: { type: 'string' },
  compare: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** Arguments as words; whatever is wrong with them is an outcome. */
export function parseArguments(words: readonly string[]): Command {
  try {
    return readArguments(words);
  } catch (error) {
    return { kind: 'wrong', complaint: error instanceof Error ? error.message : String(error) };
  }
}

function readArguments(words: readonly string[]): Command {
  const { values, positionals } = parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
  const only = new RegExp(values.only ?? '', 'i');
  if (values.help === true) return { kind: 'help' };
  if (values.list === true) return { kind: 'list', only };
  const [first, second, ...rest] = positionals;
  if (values.compare === true) {
    if (first === undefined || second === undefined || rest.length > 0)
      throw new Error('--compare wants two files');
    return { kind: 'compare', files: [first, second] };
  }
  if (first !== undefined) throw new Error(`what is ${first}?`);
  return {
    kind: values.growth === true ? 'growth' : 'measure',
    target: readTarget(values),
    only,
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    scale: positive('scale', values.scale),
    jsonFile: values.json,
  };
}

function readTarget(values: {
  readonly base?: string | undefined;
  readonly spawn?: boolean | undefined;
  readonly program?: string | undefined;
  readonly pid?: string | undefined;
}): Target {
  const { base, spawn = false, program, pid } = values;
  if ((base === undefined) !== spawn) throw new Error('say either --base or --spawn');
  if (base === undefined) return { kind: 'spawn', program };
  return { kind: 'running', base, pid: pid === undefined ? undefined : positive('pid', pid) };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new Error(`--${name} ${text}: not a number above 0`);
  return value;
}
