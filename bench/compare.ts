import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { formatNumber } from './report.ts';

const reportShape = z.object({
  kind: z.literal('bench'),
  results: z.array(
    z.object({
      name: z.string(),
      unit: z.string(),
      moreIsBetter: z.boolean(),
      figure: z.number().optional(),
    }),
  ),
});

/** What is read of a report to compare it. */
export type Figures = z.infer<typeof reportShape>;

/** A report that `--json` has written. Rejects for anything else. */
export async function readReport(path: string): Promise<Figures> {
  const json: unknown = JSON.parse(await readFile(path, 'utf8'));
  const parsed = reportShape.safeParse(json);
  if (!parsed.success) throw new Error(`${path} holds no figures of a bench`);
  return parsed.data;
}

/** A line for each figure that both have: both, and how many times as good the second is. */
export function compareReports(first: Figures, second: Figures): string {
  const lines = second.results.flatMap(({ name, unit, moreIsBetter, figure }) => {
    const before = first.results.find((result) => result.name === name)?.figure;
    if (before === undefined || figure === undefined) return [];
    const ratio = moreIsBetter ? figure / before : before / figure;
    return [line(name, formatNumber(before), formatNumber(figure), unit, `× ${ratio.toFixed(2)}`)];
  });
  return [line('measured', 'first', 'second', 'unit', 'better'), ...lines].join('\n');
}

function line(name: string, first: string, second: string, unit: string, ratio: string): string {
  return `${name.padEnd(52)} ${first.padStart(9)} ${second.padStart(9)} ${unit.padEnd(11)} ${ratio}`;
}
