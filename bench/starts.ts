import { setTimeout as pause } from 'node:timers/promises';
import { timed, type Figure, type Measurement } from './measure.ts';
import { oncePerRun } from './shared.ts';
import type { SpawnedServer } from './spawned-server.ts';
import { readUsage, type UsageTotal } from './usage.ts';

const MEGABYTE = 1_000_000;
const REST_MS = 3_000;

/** From the start of the process to its first answer, with and without a database to make; and its memory then. */
export const starts: readonly Measurement[] = [
  {
    name: 'cold start, until the first answer',
    unit: 's',
    needsNoWarmUp: true,
    needs: 'servers of its own',
    run: async (bench) => async () => {
      await using server = await bench.spawn();
      return seconds(await timed(() => server.start()));
    },
  },
  {
    name: 'warm start, until the first answer',
    unit: 's',
    needsNoWarmUp: true,
    aim: { atMost: 1 },
    needs: 'servers of its own',
    run: async (bench) => {
      const server = await quietServer(bench, 0);
      return async () => {
        await server.stop();
        return seconds(await timed(() => server.start()));
      };
    },
  },
  {
    name: 'idle memory, with the database',
    unit: 'MB',
    aim: { atMost: 250 },
    needs: 'servers of its own',
    isSingle: true,
    run: async (bench) => {
      const server = await quietServer(bench, 0);
      return async () => {
        await pause(bench.scaled(REST_MS));
        return memory(server.pid === undefined ? undefined : readUsage(server.pid));
      };
    },
  },
];

/** A server beside the one under test, for what wants to stop it: made once in a run, and used by nobody else. */
export const quietServer = oncePerRun(async (bench): Promise<SpawnedServer> => {
  const server = await bench.spawn();
  await server.start();
  return server;
});

/** What the server under test occupies after all that came before. */
export const loadedMemory: Measurement = {
  name: 'memory after the load, with the database',
  unit: 'MB',
  isSingle: true,
  run: async (bench) => async () => memory(bench.usage()),
};

function seconds(elapsedMs: number): Figure {
  return { value: elapsedMs / 1000, operations: 1 };
}

function memory(usage: UsageTotal | undefined): Figure {
  if (usage === undefined) throw new Error('the processes of the server are not known: say --pid');
  const [server, database] = [usage.server.memoryBytes / MEGABYTE, usage.database.memoryBytes / MEGABYTE];
  return {
    value: server + database,
    operations: 1,
    more: { 'server MB': server, 'database MB': database },
  };
}
