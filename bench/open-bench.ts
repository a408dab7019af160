import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Disposal } from '../src/util/disposal.ts';
import { Accounts } from './accounts.ts';
import type { Bench } from './bench.ts';
import { BenchClient } from './client.ts';
import { SpawnedServer } from './spawned-server.ts';
import { readUsage } from './usage.ts';

/** Where to find the server under test, or what to start. */
export type Target =
  | { readonly kind: 'running'; readonly base: string; readonly pid: number | undefined }
  | { readonly kind: 'spawn'; readonly program: string | undefined };

const MOST_CONNECTIONS = 128;

/** Starts the server under test if that is wanted; `after` ends everything. */
export async function openBench(
  target: Target,
  {
    roundMs,
    scale,
    signal,
  }: { readonly roundMs: number; readonly scale: number; readonly signal: AbortSignal },
  after: Disposal,
): Promise<Bench> {
  const spawn = async (): Promise<SpawnedServer> => {
    signal.throwIfAborted();
    if (target.kind === 'running') throw new Error('no server may be started');
    return SpawnedServer.prepare(target.program ?? buildProgram());
  };
  const server = target.kind === 'spawn' ? after.use(await spawn()) : undefined;
  await server?.start();
  const baseUrl = target.kind === 'spawn' ? (server?.baseUrl ?? '') : target.base;
  const client = new BenchClient(baseUrl, MOST_CONNECTIONS);
  after.defer(() => client.close());
  return {
    client,
    baseUrl,
    server,
    roundMs,
    signal,
    accounts: new Accounts(client, randomBytes(4).toString('hex')),
    after: after.use(new Disposal()),
    spawn: async () => after.use(await spawn()),
    usage: () => {
      const pid = target.kind === 'spawn' ? server?.pid : target.pid;
      return pid === undefined ? undefined : readUsage(pid);
    },
    scaled: (size) => Math.max(1, Math.round(size * scale)),
  };
}

/** What `npm start` runs, after it was built if that is needed. */
function buildProgram(): string {
  const script = fileURLToPath(new URL('../scripts/build-if-stale.mjs', import.meta.url));
  const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the server does not build');
  return fileURLToPath(new URL('../dist/main.js', import.meta.url));
}
