/*
 * The long fuzz test: npm run fuzz. MORROW_FUZZ_SEED and MORROW_FUZZ_REQUESTS say which and how many requests,
 * MORROW_FUZZ_ONLY the number of a single one to repeat. Ends with 1 when anything was wrong.
 */
import { stopTestServer } from '../support/database.ts';
import { fuzz, type FuzzReport } from './fuzz.ts';

const MEBIBYTE = 1024 * 1024;
/**
 * What may be in use at the end beyond what was at half way. A server keeps 5,000 rooms at hand; some 500 are made in half of
 * 100,000 requests, and take some 25 KiB each with all that is remembered of their events and members. A leak of 1 KiB for
 * each request would be 50 MiB.
 */
const GROWTH_ALLOWED = 24 * MEBIBYTE;

const seed = process.env['MORROW_FUZZ_SEED'] ?? String(Date.now());
const requests = Number(process.env['MORROW_FUZZ_REQUESTS'] ?? 100_000);
const only = process.env['MORROW_FUZZ_ONLY'];

console.log(`seed ${seed}, ${requests} requests`);
const startedMs = performance.now();
let shown = 0;
const report = await fuzz({
  seed,
  requests,
  only: only === undefined ? undefined : Number(only),
  onProgress: ({ sent, faults }) => {
    for (const fault of faults.slice(shown)) console.log(`\nFAULT ${fault}`);
    shown = faults.length;
    if (sent % 10_000 === 0) console.log(`${sent} sent, ${faults.length} faults`);
  },
});
await stopTestServer();
for (const fault of report.faults.slice(shown)) console.log(`\nFAULT ${fault}`);
printAnswers(report);
const leaks = findGrowth(report);
console.log(
  `${report.sent} requests in ${Math.round((performance.now() - startedMs) / 1000)} s, seed ${seed}`,
);
console.log(`${report.faults.length} faults; ${leaks ?? 'memory did not grow'}`);
process.exitCode = report.faults.length > 0 || leaks !== undefined ? 1 : 0;

function printAnswers({ answersOf }: FuzzReport): void {
  for (const [name, counts] of [...answersOf].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const good = [...counts].reduce((sum, [answer, count]) => sum + (answer.startsWith('2') ? count : 0), 0);
    const list = [...counts]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([answer, count]) => `${answer} ×${count}`);
    const share = `${Math.round((100 * good) / all)} % 2xx`;
    console.log(`${name.padEnd(42)} ${share.padStart(9)}  ${list.join(', ')}`);
  }
}

function findGrowth({ memory }: FuzzReport): string | undefined {
  for (const { heapBytes, bufferBytes, residentBytes } of memory)
    console.log(
      `in use: heap ${inMebibytes(heapBytes)}, buffers ${inMebibytes(bufferBytes)}, resident ${inMebibytes(residentBytes)}`,
    );
  const [, half, , end] = memory;
  if (half === undefined || end === undefined) return undefined;
  const growth = end.heapBytes + end.bufferBytes - half.heapBytes - half.bufferBytes;
  return growth > GROWTH_ALLOWED ? `memory grew by ${inMebibytes(growth)} in the second half` : undefined;
}

function inMebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
}
