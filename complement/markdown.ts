import { isTopLevel, type PackageResults, type Result, type TestResult } from './results.ts';

/** When and of what a run was. */
export interface RunFacts {
  /** `YYYY-MM-DD` */
  readonly date: string;
  /** Commits. */
  readonly morrow: string;
  readonly complement: string;
}

/** The run that the results of a package are of, by its name. */
export type PackageRuns = ReadonlyMap<string, RunFacts>;

/** Why tests do not pass, by package and name; of a part of a test by both names, with a slash between. */
export type Reasons = Readonly<Record<string, Readonly<Record<string, string>>>>;

const HEAD = [
  '| package | passed | failed | skipped | subtests passed | failed | skipped | seconds |',
  '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
];

/** One row a package and their sum, in Markdown. */
export function resultsTable(packages: readonly PackageResults[]): string {
  const all = {
    name: '**all**',
    seconds: packages.reduce((sum, { seconds }) => sum + seconds, 0),
    tests: packages.flatMap(({ tests }) => tests),
  };
  return [...HEAD, ...[...packages, all].map(row)].join('\n');
}

function row({ name, seconds, tests }: PackageResults): string {
  const top = tests.filter(isTopLevel);
  const sub = tests.filter((test) => !isTopLevel(test));
  const cells = [name, ...countsOf(top), ...countsOf(sub), Math.round(seconds)];
  return `| ${cells.join(' | ')} |`;
}

function countsOf(tests: readonly TestResult[]): readonly number[] {
  return (['pass', 'fail', 'skip'] as const).map(
    (wanted: Result) => tests.filter(({ result }) => result === wanted).length,
  );
}

/** A whole document: of what the runs were, the table, and by package lists of what failed or was skipped, and why. */
export function resultsDocument(
  packages: readonly PackageResults[],
  runs: PackageRuns,
  reasons: Reasons = {},
): string {
  const lists = packages.flatMap(({ name, tests }) => {
    const failed = listNotPassed(tests, 'fail', reasons[name] ?? {});
    const skipped = listNotPassed(tests, 'skip', reasons[name] ?? {});
    return [
      ...(failed.length === 0 ? [] : [`## Failed in ${name}`, failed.join('\n')]),
      ...(skipped.length === 0 ? [] : [`## Skipped in ${name}`, skipped.join('\n')]),
    ];
  });
  return `${[
    '# Results of Complement',
    listRuns(packages, runs).join('\n'),
    resultsTable(packages),
    ...lists,
  ].join('\n\n')}\n`;
}

/** Packages of one run share a line. */
function listRuns(packages: readonly PackageResults[], runs: PackageRuns): readonly string[] {
  const names = new Map<string, string[]>();
  for (const { name } of packages) {
    const facts = runs.get(name);
    if (facts === undefined) continue;
    const line = `${facts.date}, Morrow at \`${facts.morrow}\`, Complement at \`${facts.complement}\``;
    names.set(line, [...(names.get(line) ?? []), name]);
  }
  return [...names].map(([line, of]) => `- ${line}: ${of.join(', ')}`);
}

/** A test with parts is named with those of them that ended so, as deep as it goes. */
function listNotPassed(
  tests: readonly TestResult[],
  wanted: Result,
  reasons: Readonly<Record<string, string>>,
): readonly string[] {
  const names = tests.filter(({ result }) => result === wanted).map(({ test }) => test);
  const deepest = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
  const tops = new Set(deepest.map((name) => name.split('/')[0] ?? name));
  return [...tops].map((top) => {
    const parts = deepest
      .filter((name) => name.startsWith(`${top}/`))
      .map((name) => `  - ${name.slice(top.length + 1)}${reasonOf(name, reasons)}`);
    return [`- ${top}${reasonOf(top, reasons)}`, ...parts].join('\n');
  });
}

function reasonOf(test: string, reasons: Readonly<Record<string, string>>): string {
  const reason = reasons[test];
  return reason === undefined ? '' : `: ${reason}`;
}
