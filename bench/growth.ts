import type { Bench } from './bench.ts';
import { sizeOfStateAmong } from './database-size.ts';
import { lateness, restarts } from './futures.ts';
import { pagesThrough } from './history.ts';
import { joinAmong, listOfMembers, membersAmongState, sendAmong } from './members.ts';
import type { Measurement } from './measure.ts';
import { registrationAmong } from './registrations.ts';
import { formatNumber } from './report.ts';
import { measure, type Result } from './run.ts';
import { sendAfterMessages } from './sends.ts';
import { stateEventAmong } from './state.ts';
import { idleSync, initialSync, syncOfOneChange } from './syncs.ts';

/** How a figure should answer to more data. */
type Expected = 'flat' | 'grows';

interface Growth {
  readonly expected: Expected;
  readonly at: (size: number) => Measurement;
}

/** Something of which there is more and more. */
interface Dimension {
  readonly of: string;
  readonly least: number;
  readonly figures: readonly Growth[];
}

const TIMES = [1, 10, 100] as const;
/** More than this between 1× and 100× is no noise any more. */
const FLAT_UP_TO = 1.5;

/** What is measured at 1×, 10× and 100× of its data. Accounts come first, as the others make some. */
const DIMENSIONS: readonly Dimension[] = [
  { of: 'accounts', least: 10, figures: [{ expected: 'flat', at: registrationAmong }] },
  {
    of: 'rooms',
    least: 5,
    figures: [
      { expected: 'flat', at: idleSync },
      { expected: 'flat', at: syncOfOneChange },
      { expected: 'grows', at: initialSync },
    ],
  },
  {
    of: 'state events',
    least: 50,
    figures: [
      { expected: 'flat', at: stateEventAmong },
      { expected: 'flat', at: membersAmongState },
      { expected: 'flat', at: sizeOfStateAmong },
    ],
  },
  {
    of: 'messages',
    least: 100,
    figures: [
      { expected: 'flat', at: sendAfterMessages },
      { expected: 'flat', at: pagesThrough },
      // In few other rooms, which are old by then.
      { expected: 'flat', at: () => initialSync(5) },
    ],
  },
  {
    of: 'members',
    least: 10,
    figures: [
      { expected: 'flat', at: joinAmong },
      { expected: 'flat', at: sendAmong },
      { expected: 'grows', at: listOfMembers },
    ],
  },
  {
    of: 'pending delayed events',
    least: 100,
    figures: [
      { expected: 'flat', at: lateness },
      { expected: 'flat', at: restarts },
      { expected: 'flat', at: () => sendAfterMessages(0) },
    ],
  },
];

/**
 * Measures everything that depends on an amount at three amounts, and calls back with a line as soon as the last of three
 * is there. The results are named with their amounts.
 */
export async function measureGrowth(
  bench: Bench,
  { rounds, only }: { readonly rounds: number; readonly only: RegExp },
  onLine: (line: string) => void,
): Promise<readonly Result[]> {
  onLine(
    line(
      'measured',
      'of',
      TIMES.map((times) => `${times}×`),
      'unit',
      '100× / 1×',
    ),
  );
  const all: Result[] = [];
  for (const { of, least, figures } of DIMENSIONS) {
    const chosen = figures.filter(({ at }) => only.test(at(least).name));
    const results = new Map<Growth, Result[]>(chosen.map((growth) => [growth, []]));
    // The amount outside: some of it can only grow.
    for (const times of TIMES) {
      for (const growth of chosen) {
        if (bench.signal.aborted) return all;
        const result = await measure(bench, growth.at(least * times), rounds);
        results.get(growth)?.push(result);
        all.push({ ...result, name: `${result.name} (${least * times} ${of})` });
      }
    }
    for (const growth of chosen) onLine(describeGrowth(growth, of, least, results.get(growth) ?? []));
  }
  return all;
}

function describeGrowth(
  { expected, at }: Growth,
  of: string,
  least: number,
  results: readonly Result[],
): string {
  // The name of the least without its amount, which the columns have.
  const name = at(least).name.replace(` ${least} ${of}`, ` n ${of}`).replace(String(least), 'n');
  const { unit = '', moreIsBetter = false } = results[0] ?? {};
  const problem = results.find((result) => result.problem !== undefined)?.problem;
  const figures = results.map(({ figure }) => figure ?? NaN);
  if (problem !== undefined) return line(name, `${least} ${of}`, figures.map(formatNumber), unit, problem);
  const [first = NaN, , last = NaN] = figures;
  const growth = moreIsBetter ? first / last : last / first;
  const verdict = expected === 'grows' ? 'may grow' : growth <= FLAT_UP_TO ? 'flat' : 'NOT FLAT';
  return line(name, `${least} ${of}`, figures.map(formatNumber), unit, `${growth.toFixed(2)}  ${verdict}`);
}

function line(name: string, of: string, figures: readonly string[], unit: string, rest: string): string {
  const columns = figures.map((figure) => figure.padStart(9)).join('');
  return `${name.padEnd(44)} ${of.padEnd(26)}${columns} ${unit.padEnd(8)} ${rest}`;
}
