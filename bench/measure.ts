import type { Disposal } from '../src/util/disposal.ts';
import type { Bench } from './bench.ts';

/** What one round came to. */
export interface Figure {
  readonly value: number;
  /** How many things were done for it: processor time is divided by this. */
  readonly operations: number;
  /** Other figures of the same round, each named with its unit. */
  readonly more?: Readonly<Record<string, number>>;
}

/** What a figure should be at least or at most. */
export type Aim = { readonly atLeast: number } | { readonly atMost: number };

/** One thing that can be measured. */
export interface Measurement {
  readonly name: string;
  readonly unit: string;
  readonly aim?: Aim;
  /** Whether a larger figure is the better one; false unless said. */
  readonly moreIsBetter?: boolean;
  /** Whether the server under test must be one that we have started, or others are started for it. */
  readonly needs?: 'a server of ours' | 'servers of its own';
  /** One round is all there is, without a warm-up: what is set up for it is used up. */
  readonly isSingle?: boolean;
  /** A first round would be like the others. */
  readonly needsNoWarmUp?: boolean;
  /** Sets up what is measured, which is not measured, and answers what one round is. `after` ends what it started. */
  readonly run: (bench: Bench, after: Disposal) => Promise<() => Promise<Figure>>;
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

/** How often things are timed in a round that is over before its time. */
const LEAST_TIMED = 3;

/** Closed loop: `workers` do `work` again and again for `durationMs`; the figure is how many a second were done. */
export async function throughput(
  workers: number,
  durationMs: number,
  work: (worker: number, turn: number) => Promise<unknown>,
): Promise<Figure> {
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
  return perSecond(done, start);
}

/** How many a second `done` things since `startMs` are. */
export function perSecond(done: number, startMs: number): Figure {
  return { value: (done * 1000) / (performance.now() - startMs), operations: done };
}

/**
 * Closed loop of one: `work` again and again for `durationMs`, at least three times. It answers how many milliseconds of
 * it count. The figure is the median, with the 99th percentile beside it.
 */
export async function latency(durationMs: number, work: (turn: number) => Promise<number>): Promise<Figure> {
  const end = performance.now() + durationMs;
  const timesMs: number[] = [];
  while (performance.now() < end || timesMs.length < LEAST_TIMED) timesMs.push(await work(timesMs.length));
  return typicalOf(timesMs);
}

/** The median of times in milliseconds as a figure. */
export function typicalOf(timesMs: readonly number[]): Figure {
  return {
    value: median(timesMs),
    operations: timesMs.length,
    more: { 'p99 ms': percentile(timesMs, 0.99) },
  };
}

/** The 99th percentile of times in milliseconds as a figure. */
export function worstOf(timesMs: readonly number[]): Figure {
  return {
    value: percentile(timesMs, 0.99),
    operations: timesMs.length,
    more: { 'p50 ms': median(timesMs), 'max ms': Math.max(...timesMs) },
  };
}

/** How many milliseconds `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Does `work` for each item, `workers` at a time, beginning them in order. The answers are in the items' order. */
export async function together<T, R>(
  items: readonly T[],
  workers: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const answers: R[] = [];
  const rest = items.entries();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const [index, item] of rest) answers[index] = await work(item, index);
    }),
  );
  return answers;
}

/** 0, 1, … up to `count`, without it. */
export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}
