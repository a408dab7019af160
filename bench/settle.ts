import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.ts';

const WINDOW_MS = 200;
/** What an idle server and its database use in such a time, at most. */
const QUIET_CPU_MS = 20;
const LONGEST_MS = 20_000;

/**
 * Waits until the server under test has done what it puts off (push rules, the index of a search): what one measurement
 * has left behind is not to be in the way of the next. Does not wait where its processes are not known.
 */
export async function settle(bench: Bench): Promise<void> {
  await search(bench);
  const end = performance.now() + LONGEST_MS;
  let before = cpuMs(bench);
  while (before !== undefined && performance.now() < end) {
    await sleep(WINDOW_MS);
    const now = cpuMs(bench);
    if (now === undefined || now - before <= QUIET_CPU_MS) return;
    before = now;
  }
}

/** A search makes a server catch up with its index. */
async function search({ accounts, client }: Bench): Promise<void> {
  const [searcher] = await accounts.some(1);
  await client.skim('POST', '/_matrix/client/v3/search', searcher.token, {
    search_categories: { room_events: { search_term: 'nothing' } },
  });
}

function cpuMs(bench: Bench): number | undefined {
  const usage = bench.usage();
  return usage && usage.server.cpuMs + usage.database.cpuMs;
}
