import { writeFile } from 'node:fs/promises';
import { Disposal } from '../src/util/disposal.ts';
import { parseArguments, USAGE, type MeasureCommand } from './arguments.ts';
import type { Bench } from './bench.ts';
import { catalogue } from './catalogue.ts';
import { compareReports, readReport } from './compare.ts';
import { measureGrowth } from './growth.ts';
import { openBench } from './open-bench.ts';
import { describeMachine, describeResult, TABLE_HEAD, type Report } from './report.ts';
import { measure, type Result } from './run.ts';

/** Measures what is wanted, and prints each figure as soon as it is there. The answer is the exit code. */
async function run(command: MeasureCommand, after: Disposal, signal: AbortSignal): Promise<number> {
  const { kind, target, rounds, seconds, scale, jsonFile } = command;
  const startedAt = new Date().toISOString();
  const bench = await openBench(target, { roundMs: seconds * 1000, scale, signal }, after);
  const results =
    kind === 'growth' ? await measureGrowth(bench, command, console.log) : await measureAll(bench, command);
  const report: Report = {
    kind: 'bench',
    startedAt,
    base: target.kind === 'spawn' ? 'a server of ours' : target.base,
    machine: describeMachine(),
    rounds,
    seconds,
    scale,
    results,
  };
  if (jsonFile !== undefined) await writeFile(jsonFile, `${JSON.stringify(report, null, 2)}\n`);
  return results.some(({ problem }) => problem !== undefined && problem !== 'needs --spawn') ? 1 : 0;
}

async function measureAll(bench: Bench, { only, rounds }: MeasureCommand): Promise<readonly Result[]> {
  console.log(TABLE_HEAD);
  const results: Result[] = [];
  for (const measurement of catalogue.filter(({ name }) => only.test(name))) {
    if (bench.signal.aborted) break;
    const result = await measure(bench, measurement, rounds);
    console.log(describeResult(result));
    results.push(result);
  }
  return results;
}

/** Ends the servers that were started, whatever happens; a second signal does not wait for that. */
async function runAndCleanUp(command: MeasureCommand): Promise<number> {
  const after = new Disposal();
  const stopping = new AbortController();
  let ended: Promise<void> | undefined;
  const end = (): Promise<void> => (ended ??= after[Symbol.asyncDispose]());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(130));
      stopping.abort();
      void end().finally(() => process.exit(130));
    });
  }
  try {
    return await run(command, after, stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    return 130;
  } finally {
    await end();
  }
}

const command = parseArguments(process.argv.slice(2));
switch (command.kind) {
  case 'help':
    console.log(USAGE);
    break;
  case 'wrong':
    console.error(`${command.complaint}\n\n${USAGE}`);
    process.exitCode = 2;
    break;
  case 'list':
    for (const { name } of catalogue) if (command.only.test(name)) console.log(name);
    break;
  case 'compare': {
    const [first, second] = command.files;
    console.log(compareReports(await readReport(first), await readReport(second)));
    break;
  }
  case 'measure':
  case 'growth':
    process.exitCode = await runAndCleanUp(command);
}
