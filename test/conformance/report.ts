import type { Answer } from './peer.ts';
import type { Result } from './run.ts';
import { GENERATIONS } from './scenario.ts';

const LONGEST_BODY = 400;
const LONGEST_KEPT = 4_000;
const MARKS = { pass: 'pass', fail: 'FAIL', 'does not apply': '–' } as const;

/** One result in words; only failures take more than a line and its notes. */
export function describe(result: Result): string {
  const number = String(result.number).padStart(2);
  const generation = (result.generation ?? 'any').padEnd(8);
  const lines = [`${MARKS[result.verdict].padEnd(4)} ${generation} ${number}  ${result.name}`];
  if (result.why !== undefined) lines.push(result.why);
  if (result.seen !== undefined) lines.push(describeAnswer(result.seen));
  lines.push(...result.notes.map((note) => `note: ${note}`));
  return lines.join('\n                   ');
}

/** Everything that does not apply for one and the same reason is one line of it. */
export function describeNotApplicable(results: readonly Result[]): string[] {
  const numbersByReason = new Map<string, Set<number>>();
  for (const { verdict, generation, why, number } of results) {
    if (verdict !== 'does not apply') continue;
    const reason = `${generation ?? 'any'}: ${why}`;
    const numbers = numbersByReason.get(reason) ?? new Set();
    numbersByReason.set(reason, numbers.add(number));
  }
  return [...numbersByReason].map(([reason, numbers]) => {
    const sorted = [...numbers].toSorted((a, b) => a - b);
    return `–    ${reason} (${sorted.join(', ')})`;
  });
}

/** By generation, then by number. */
export function inOrder(results: readonly Result[]): Result[] {
  const rank = ({ generation }: Result): number =>
    generation === undefined ? GENERATIONS.length : GENERATIONS.indexOf(generation);
  return results.toSorted((a, b) => rank(a) - rank(b) || a.number - b.number);
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
}

export function count(results: readonly Result[]): Totals {
  const number = (verdict: Result['verdict']): number =>
    results.filter((result) => result.verdict === verdict).length;
  return { passed: number('pass'), failed: number('fail'), notApplicable: number('does not apply') };
}

/** The request and its answer. No access token is in it: those go in a header. */
function describeAnswer({ method, path, status, text }: Answer): string {
  const shown = text.length > LONGEST_BODY ? `${text.slice(0, LONGEST_BODY)}…` : text;
  return `${method} ${path} → ${status} ${shown.replaceAll('\n', ' ')}`;
}

/** What `--json` writes. */
export function toJson(base: string, results: readonly Result[]): string {
  const written = results.map(({ seen, ...rest }) => ({
    ...rest,
    ...(seen === undefined
      ? {}
      : {
          seen: { method: seen.method, path: seen.path, status: seen.status, body: bodyOf(seen) },
        }),
  }));
  return `${JSON.stringify({ base, ...count(results), results: written }, null, 2)}\n`;
}

function bodyOf({ json, text }: Answer): unknown {
  return text.length > LONGEST_KEPT ? `${text.slice(0, LONGEST_KEPT)}…` : (json ?? text);
}
