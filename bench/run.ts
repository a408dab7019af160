import { Disposal } from '../src/util/disposal.ts';
import type { Bench } from './bench.ts';
import { median, type Aim, type Figure, type Measurement } from './measure.ts';
import { settle } from './settle.ts';
import type { UsageTotal } from './usage.ts';

/** What a measurement came to. The figure is the median of the rounds. */
export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly aim?: Aim;
  readonly moreIsBetter: boolean;
  readonly figure?: number;
  /** Why there is no figure. */
  readonly problem?: string;
  readonly rounds: readonly Figure[];
  /** Milliseconds of processor time for each operation, over all counted rounds and what was put off in them. */
  readonly cpuMs?: { readonly server: number; readonly database: number; readonly load: number };
  /** After the rounds. */
  readonly memoryBytes?: { readonly server: number; readonly database: number };
}

/** Sets up a measurement, lets one round go by as a warm-up, and takes the figures of the next ones. Never rejects. */
export async function measure(bench: Bench, measurement: Measurement, rounds: number): Promise<Result> {
  const { name, unit, aim, moreIsBetter = false, needs } = measurement;
  const about = { name, unit, moreIsBetter, ...(aim === undefined ? {} : { aim }) };
  if (needs !== undefined && bench.server === undefined)
    return { ...about, rounds: [], problem: 'needs --spawn' };
  const figures: Figure[] = [];
  try {
    await using after = new Disposal();
    const once = await measurement.run(bench, after);
    if (measurement.isSingle !== true && measurement.needsNoWarmUp !== true) await once();
    const isElsewhere = needs === 'servers of its own';
    if (!isElsewhere) await settle(bench);
    const start = sample(bench);
    for (let round = 0; round < (measurement.isSingle === true ? 1 : rounds); round += 1)
      figures.push(await once());
    // What the rounds have left to do belongs to what they cost.
    if (!isElsewhere) await settle(bench);
    const used = isElsewhere ? {} : describeUse(start, sample(bench), figures);
    return { ...about, figure: median(figures.map(({ value }) => value)), rounds: figures, ...used };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ...about, rounds: figures, problem };
  }
}

interface Sample {
  readonly usage: UsageTotal | undefined;
  readonly loadMs: number;
}

function sample(bench: Bench): Sample {
  const { user, system } = process.cpuUsage();
  return { usage: bench.usage(), loadMs: (user + system) / 1000 };
}

function describeUse(
  start: Sample,
  end: Sample,
  figures: readonly Figure[],
): Pick<Result, 'cpuMs' | 'memoryBytes'> {
  if (start.usage === undefined || end.usage === undefined) return {};
  const operations = figures.reduce((total, figure) => total + figure.operations, 0);
  return {
    cpuMs: {
      server: (end.usage.server.cpuMs - start.usage.server.cpuMs) / operations,
      database: (end.usage.database.cpuMs - start.usage.database.cpuMs) / operations,
      load: (end.loadMs - start.loadMs) / operations,
    },
    memoryBytes: { server: end.usage.server.memoryBytes, database: end.usage.database.memoryBytes },
  };
}
