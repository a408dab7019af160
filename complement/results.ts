import type { GoTestEvent } from './go-test-events.ts';

export type Result = 'pass' | 'fail' | 'skip';

export interface TestResult {
  readonly package: string;
  readonly test: string;
  readonly result: Result;
}

/** What became of the tests of one package, in the order in which they began. */
export interface PackageResults {
  readonly name: string;
  readonly seconds: number;
  readonly tests: readonly TestResult[];
}

/** The packages by name. A test that began and never ended, as in a crash or a timeout, has failed. */
export function gatherResults(events: readonly GoTestEvent[]): readonly PackageResults[] {
  const packages = new Map<string, { seconds: number; tests: Map<string, Result> }>();
  for (const { action, package: name, test, seconds } of events) {
    const found = packages.get(name) ?? { seconds: 0, tests: new Map<string, Result>() };
    packages.set(name, found);
    const result = action === 'run' ? 'fail' : parseResult(action);
    if (result === undefined) continue;
    if (test === undefined) found.seconds = seconds ?? 0;
    else found.tests.set(test, result);
  }
  return [...packages]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { seconds, tests }]) => ({
      name,
      seconds,
      tests: [...tests].map(([test, result]) => ({ package: name, test, result })),
    }));
}

function parseResult(action: string): Result | undefined {
  return action === 'pass' || action === 'fail' || action === 'skip' ? action : undefined;
}

/** True for a test that is not a part of another. */
export function isTopLevel({ test }: Pick<TestResult, 'test'>): boolean {
  return !test.includes('/');
}
