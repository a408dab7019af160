import { availableParallelism } from 'node:os';
import type { Aim } from './measure.ts';
import type { Result } from './run.ts';

/** The raw figures of a run, as they are written to a file. */
export interface Report {
  readonly kind: 'bench';
  readonly startedAt: string;
  readonly base: string;
  readonly machine: { readonly processors: number; readonly platform: string; readonly node: string };
  readonly rounds: number;
  readonly seconds: number;
  readonly scale: number;
  readonly results: readonly Result[];
}

/** This machine and this Node.js. */
export function describeMachine(): Report['machine'] {
  return { processors: availableParallelism(), platform: process.platform, node: process.version };
}

/** The first lines of the table. */
export const TABLE_HEAD = row([
  'measured',
  'figure',
  'unit',
  'aim',
  'ratio',
  'processor ms: server, database, load',
]);

/** A line of the table; below it what else a round told, and what kept it from a figure. */
export function describeResult(result: Result): string {
  const { name, unit, aim, figure, problem, cpuMs, rounds } = result;
  if (figure === undefined) return row([name, '–', unit, describeAim(aim), '', problem ?? '']);
  const cpu =
    cpuMs === undefined ? '' : [cpuMs.server, cpuMs.database, cpuMs.load].map(formatNumber).join('  ');
  const line = row([name, formatNumber(figure), unit, describeAim(aim), describeRatio(aim, figure), cpu]);
  const more = Object.keys(rounds[0]?.more ?? {}).map((key) => {
    return `${key} ${rounds.map((round) => formatNumber(round.more?.[key] ?? NaN)).join(' ')}`;
  });
  const each =
    rounds.length > 1 ? [`rounds ${rounds.map(({ value }) => formatNumber(value)).join(' ')}`] : [];
  const details = [...each, ...more].join('; ');
  return details === '' ? line : `${line}\n    ${details}`;
}

/** How well an aim was reached: 1 is just so, more is better, whichever way the figure goes. */
export function ratioToAim(aim: Aim, figure: number): number {
  return 'atLeast' in aim ? figure / aim.atLeast : aim.atMost / figure;
}

/** Three digits that matter. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return value.toFixed(size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2);
}

function describeAim(aim: Aim | undefined): string {
  if (aim === undefined) return '';
  return 'atLeast' in aim ? `≥ ${aim.atLeast}` : `≤ ${aim.atMost}`;
}

function describeRatio(aim: Aim | undefined, figure: number): string {
  if (aim === undefined) return '';
  const ratio = ratioToAim(aim, figure);
  return `${formatNumber(ratio)}${ratio < 1 ? ' ✗' : ''}`;
}

function row([
  name = '',
  figure = '',
  unit = '',
  aim = '',
  ratio = '',
  rest = '',
]: readonly string[]): string {
  return `${name.padEnd(52)} ${figure.padStart(9)} ${unit.padEnd(11)} ${aim.padStart(7)} ${ratio.padEnd(7)} ${rest}`.trimEnd();
}
