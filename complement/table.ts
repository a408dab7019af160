import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { parseGoTestEvents, type GoTestEvent } from './go-test-events.ts';
import { resultsDocument, resultsTable, type PackageRuns, type Reasons, type RunFacts } from './markdown.ts';
import { compareResults, type Change } from './regressions.ts';
import { gatherResults, type PackageResults } from './results.ts';
import { trimEvents } from './trim.ts';

const USAGE = `Usage: npm run complement:table -- [options] [FILE or DIRECTORY]...

Reads what \`go test -json\` printed (a directory stands for its *.jsonl files), prints a table, and compares it with
complement/results. Ends with 1 when a test that passed there does not pass. Without files it prints what is recorded.

  --record              keeps the run in complement/results, in place of what is there of the same packages
  --date DATE           YYYY-MM-DD    } of what the run was;
  --morrow COMMIT       of Morrow     } with --record
  --complement COMMIT   of Complement }
`;

const RESULTS = fileURLToPath(new URL('results', import.meta.url));
const DOCUMENT = join(RESULTS, 'README.md');
const RUNS = join(RESULTS, 'runs.json');
const REASONS = join(RESULTS, 'reasons.json');

function main(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      record: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      date: { type: 'string' },
      morrow: { type: 'string' },
      complement: { type: 'string' },
    },
  });
  if (values.help) return print(USAGE);
  const recorded = gatherResults(readEvents([RESULTS]));
  if (positionals.length === 0) return print(`${resultsTable(recorded)}\n`);
  const events = readEvents(positionals);
  const now = gatherResults(events);
  if (now.length === 0) return refuse('there are no results in what was given');
  print(`${resultsTable(now)}\n`);
  if (values.record) {
    const { date, morrow, complement } = values;
    if (date === undefined || morrow === undefined || complement === undefined) {
      return refuse('--record needs --date, --morrow and --complement');
    }
    record(events, now, { date, morrow, complement });
    return 0;
  }
  return report(recorded, now);
}

function report(recorded: readonly PackageResults[], now: readonly PackageResults[]): number {
  const { regressions, gains } = compareResults(recorded, now);
  print(changeList('Passes now', gains) + changeList('Does not pass any more', regressions));
  return regressions.length === 0 ? 0 : 1;
}

function changeList(title: string, changes: readonly Change[]): string {
  const lines = changes.map((change) => `- ${change.package} ${change.test} (${change.after})\n`);
  return lines.length === 0 ? '' : `\n${title}:\n\n${lines.join('')}`;
}

const runsShape = z.record(
  z.string(),
  z.object({ date: z.string(), morrow: z.string(), complement: z.string() }),
);

/** One file a package; the document is made anew of all of them. */
function record(events: readonly GoTestEvent[], now: readonly PackageResults[], facts: RunFacts): void {
  for (const { name } of now) {
    const lines = trimEvents(events.filter((event) => event.package === name));
    writeFileSync(join(RESULTS, `${name}.jsonl`), `${lines.join('\n')}\n`);
  }
  const runs: PackageRuns = new Map([...readRuns(), ...now.map(({ name }) => [name, facts] as const)]);
  writeFileSync(RUNS, `${JSON.stringify(Object.fromEntries(runs), undefined, 2)}\n`);
  writeFileSync(DOCUMENT, resultsDocument(gatherResults(readEvents([RESULTS])), runs, readReasons()));
}

const reasonsShape = z.record(z.string(), z.record(z.string(), z.string()));

function readReasons(): Reasons {
  return reasonsShape.parse(JSON.parse(readFileSync(REASONS, 'utf8')));
}

function readRuns(): PackageRuns {
  if (!existsSync(RUNS)) return new Map();
  return new Map(Object.entries(runsShape.parse(JSON.parse(readFileSync(RUNS, 'utf8')))));
}

function readEvents(paths: readonly string[]): readonly GoTestEvent[] {
  return paths.flatMap(listFiles).flatMap((path) => parseGoTestEvents(readFileSync(path, 'utf8')));
}

function listFiles(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => join(path, name));
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

function refuse(why: string): 2 {
  process.stderr.write(`complement:table: ${why}\n\n${USAGE}`);
  return 2;
}

process.exitCode = main(process.argv.slice(2));
