import type { PackageResults, Result, TestResult } from './results.ts';

export interface Change {
  readonly package: string;
  readonly test: string;
  readonly before: Result;
  /** `gone`: it did not run, though the test that it is a part of did. */
  readonly after: Result | 'gone';
}

/** What differs from what is recorded. */
export interface Comparison {
  /** Passed then, and does not pass now. */
  readonly regressions: readonly Change[];
  /** Did not pass then, and passes now. */
  readonly gains: readonly Change[];
}

/**
 * Compares a run with a recorded one. A run may be of some packages, or of some tests: what it did not touch is not
 * judged. A subtest that is missing counts as gone only where a test above it did not pass, as that is what kept it from
 * running.
 */
export function compareResults(
  recorded: readonly PackageResults[],
  now: readonly PackageResults[],
): Comparison {
  const results = new Map(now.flatMap(({ tests }) => tests).map((test) => [keyOf(test), test.result]));
  const changes = recorded
    .flatMap(({ tests }) => tests)
    .flatMap((test): readonly Change[] => {
      const after = results.get(keyOf(test)) ?? (isGone(test, results) ? 'gone' : undefined);
      return after === undefined
        ? []
        : [{ package: test.package, test: test.test, before: test.result, after }];
    });
  return {
    regressions: changes.filter(({ before, after }) => before === 'pass' && after !== 'pass'),
    gains: changes.filter(({ before, after }) => before !== 'pass' && after === 'pass'),
  };
}

function keyOf({ package: name, test }: Pick<TestResult, 'package' | 'test'>): string {
  return `${name} ${test}`;
}

/** The nearest test above that ran decides. */
function isGone(test: TestResult, now: ReadonlyMap<string, Result>): boolean {
  const parts = test.test.split('/');
  while (parts.pop() !== undefined && parts.length > 0) {
    const above = now.get(keyOf({ package: test.package, test: parts.join('/') }));
    if (above !== undefined) return above !== 'pass';
  }
  return false;
}
