/** What was measured over several rounds: each figure is the median of the rounds, with the raw ones beside it. */
export interface Measurement {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly rounds: readonly number[];
}

/** The median of some numbers; the mean of the two middle ones of an even count. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The value below which `share` (0 to 1) of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Runs `once` for some warm-up and counted rounds. It answers the figure of a round. */
export async function measure(
  name: string,
  unit: string,
  rounds: number,
  once: () => Promise<number>,
): Promise<Measurement> {
  await once();
  const figures: number[] = [];
  for (let round = 0; round < rounds; round += 1) figures.push(await once());
  return { name, unit, median: median(figures), rounds: figures };
}

/** Closed loop: `workers` do `work` again and again for `durationMs`; the answer is how many a second were done. */
export async function throughput(
  workers: number,
  durationMs: number,
  work: (worker: number, turn: number) => Promise<unknown>,
): Promise<number> {
  const start = performance.now();
  const end = start + durationMs;
  let done = 0;
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      for (let turn = 0; performance.now() < end; turn += 1) {
        await work(worker, turn);
        done += 1;
      }
    }),
  );
  return (done * 1000) / (performance.now() - start);
}
