import { parseArgs } from 'node:util';
import type { AccountSource } from './accounts.ts';
import { GENERATIONS, type Generation } from './scenario.ts';

export const USAGE = `Usage: npm run conformance -- --base URL [--generation seed|msc4140|all] [--only REGEX] [--json FILE]
                          [--registration-secret SECRET]

Plays scenarios of futures and delayed events (MSC4140) to a homeserver, in real time, and says of each whether it
passes, fails or does not apply. The server is written to: accounts and rooms are made in it. Accounts come from open
registration, from --registration-secret (which opens /_synapse/admin/v1/register), or are two ready ones whose access
tokens are in CONFORMANCE_TOKEN and CONFORMANCE_OTHER_TOKEN. Rate limits of the server should be off.

  --generation   seed: the API as first proposed; msc4140: the merged text and the drafts; all (default)
  --only         scenarios whose title fits, such as "stable 31" or "restart"
  --json         writes the results to a file as well

Ends with 0 when nothing fails, with 1 when something does, and with 2 when nothing could be tested.`;

export interface Options {
  readonly base: URL;
  readonly generations: ReadonlySet<Generation>;
  readonly only: RegExp | undefined;
  readonly json: string | undefined;
  readonly accounts: AccountSource;
}

export type Parsed =
  | { readonly kind: 'options'; readonly options: Options }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly why: string };

const FLAGS = {
  base: { type: 'string' },
  generation: { type: 'string', default: 'all' },
  only: { type: 'string' },
  json: { type: 'string' },
  'registration-secret': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** What the command line and the environment ask for. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Parsed {
  try {
    const { values } = parseArgs({ args: [...args], options: FLAGS });
    if (values.help) return { kind: 'help' };
    return {
      kind: 'options',
      options: {
        base: parseBase(values.base),
        generations: parseGenerations(values.generation),
        only: values.only === undefined ? undefined : new RegExp(values.only),
        json: values.json,
        accounts: parseAccounts(values['registration-secret'], env),
      },
    };
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) };
  }
}

function parseBase(text: string | undefined): URL {
  if (text === undefined)
    throw new Error('--base says where the homeserver is, such as http://127.0.0.1:8008');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new Error(`--base ${text}: expected an http:// or https:// URL`);
  return url;
}

function parseGenerations(text: string): ReadonlySet<Generation> {
  if (text === 'all') return new Set(GENERATIONS);
  if (text === 'seed') return new Set(['seed']);
  if (text === 'msc4140') return new Set(['stable', 'unstable', 'query']);
  throw new Error(`--generation ${text}: expected seed, msc4140 or all`);
}

function parseAccounts(
  secret: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): AccountSource {
  const tokens = [env['CONFORMANCE_TOKEN'], env['CONFORMANCE_OTHER_TOKEN']] as const;
  const [token, other] = tokens;
  if (token !== undefined && other !== undefined) {
    if (secret !== undefined)
      throw new Error('--registration-secret and CONFORMANCE_TOKEN exclude each other');
    return { kind: 'tokens', tokens: [token, other] };
  }
  if (token !== undefined || other !== undefined)
    throw new Error('CONFORMANCE_TOKEN and CONFORMANCE_OTHER_TOKEN go together: two users are needed');
  return secret === undefined ? { kind: 'registration' } : { kind: 'shared-secret', secret };
}
