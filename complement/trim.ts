import type { GoTestEvent } from './go-test-events.ts';
import { gatherResults } from './results.ts';

const LONGEST_LINE = 1000;
/** `    some_test.go:12: what was expected` */
const VERDICT = /^\s+\w+\.go:\d+: /;

/**
 * The lines that are worth keeping: beginnings and ends of all tests, and of those that failed what the tests themselves
 * said about it. Logs of servers, the bulk of the output, are left out.
 */
export function trimEvents(events: readonly GoTestEvent[]): readonly string[] {
  const failed = new Set(
    gatherResults(events)
      .flatMap(({ tests }) => tests)
      .filter(({ result }) => result === 'fail')
      .map((test) => `${test.package} ${test.test}`),
  );
  return events
    .filter(({ action, output, ...event }) => {
      if (action !== 'output') return action === 'run' || action === 'start' || event.seconds !== undefined;
      if (event.line.length > LONGEST_LINE || !VERDICT.test(output ?? '')) return false;
      return failed.has(`${event.package} ${event.test}`) && !isNarration(output ?? '');
    })
    .map(({ line }) => line);
}

/** Requests, waits and warnings are logged in the same form as what a test finds. */
function isNarration(output: string): boolean {
  return /\.go:\d+: (?:\[[CS]SAPI\]|SendEventSynced|Deploy times|WARNING|\{)/.test(output);
}
