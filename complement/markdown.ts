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

/** A whole document: of what the runs were, the table, and by package a list of what failed. */
export function resultsDocument(packages: readonly PackageResults[], runs: PackageRuns): string {
  const lists = packages.flatMap(({ name, tests }) => {
    const failed = listFailed(tests);
    return failed.length === 0 ? [] : [`## Failed in ${name}`, failed.join('\n')];
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

/** A test with parts is named with those of them that failed. */
function listFailed(tests: readonly TestResult[]): readonly string[] {
  const failed = tests.filter(({ result }) => result === 'fail');
  return failed.filter(isTopLevel).map(({ test }) => {
    const parts = failed
      .map((other) => other.test)
      .filter((name) => name.startsWith(`${test}/`))
      .filter((name, _, names) => !names.some((other) => other.startsWith(`${name}/`)))
      .map((name) => `  - ${name.slice(test.length + 1)}`);
    return [`- ${test}`, ...parts].join('\n');
  });
}
