import { latency, throughput, timed, type Measurement } from './measure.ts';

const AT_ONCE = 10;

/** Registrations with a password, whose hashing is meant to cost something. */
export const registrations: readonly Measurement[] = [
  {
    name: 'registrations, 10 at a time',
    unit: 'accounts/s',
    moreIsBetter: true,
    aim: { atLeast: 60 },
    run: async (bench) => () => throughput(AT_ONCE, bench.roundMs, () => bench.accounts.add()),
  },
];

/** How long one registration takes on a server on which this run has made so many accounts. */
export function registrationAmong(count: number): Measurement {
  return {
    name: `a registration among ${count} accounts`,
    unit: 'ms',
    run: async (bench) => {
      await bench.accounts.some(bench.scaled(count));
      return () => latency(bench.roundMs, () => timed(() => bench.accounts.add()));
    },
  };
}

/** What the machine gives: an answer that costs next to nothing. Other figures of one run can be held against it. */
export const yardstick: Measurement = {
  name: 'the cheapest request, 10 clients',
  unit: 'requests/s',
  moreIsBetter: true,
  run: async (bench) => () =>
    throughput(AT_ONCE, bench.roundMs, () => bench.client.skim('GET', '/_matrix/client/versions')),
};
