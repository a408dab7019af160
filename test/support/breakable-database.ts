import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, type DatabaseAddress } from '../../src/storage/database.ts';
import { findBinaries } from '../../src/storage/embedded-postgres/binaries.ts';
import {
  ensureCluster,
  locateCluster,
  PORT,
  SUPERUSER,
  type Cluster,
} from '../../src/storage/embedded-postgres/cluster.ts';
import { takeLease } from '../../src/storage/embedded-postgres/lease.ts';
import {
  findPostmaster,
  launchPostmaster,
  type Launch,
} from '../../src/storage/embedded-postgres/postmaster.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { until } from './until.ts';

/** A database that goes away when it is told to; `url` is the way to it that does, `database` is for the test itself. */
export interface BreakableDatabase extends TestDatabase {
  takeAway(): Promise<void>;
  bringBack(): Promise<void>;
}

/** One whose PostgreSQL crashes, and is started again: a cluster of its own, behind a socket in the file system. */
export async function createCrashingDatabase(): Promise<BreakableDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'morrow-crashing-'));
  const cluster = await locateCluster(dataDir);
  const binaries = await findBinaries(undefined, cluster.account);
  await ensureCluster(cluster, binaries, false);
  let launch: Launch | undefined;
  const start = async (): Promise<void> => {
    const settings = { listen_addresses: '', fsync: 'off', max_connections: '60' };
    launch = await launchPostmaster(cluster, binaries, settings);
    await until('PostgreSQL to answer', () => answers(cluster));
  };
  const crash = async (): Promise<void> => {
    const postmaster = await findPostmaster(cluster);
    if (postmaster !== undefined) process.kill(postmaster.pid, 'SIGQUIT');
    await launch?.ended;
  };
  await start();
  const address = { host: cluster.socketDir, port: PORT, user: SUPERUSER, database: 'morrow' };
  const database = openDatabase(address, 2);
  return {
    address,
    url: `postgres://${SUPERUSER}@${encodeURIComponent(cluster.socketDir)}:${PORT}/morrow`,
    database,
    takeAway: crash,
    bringBack: start,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await crash();
      await rm(dataDir, { recursive: true, force: true });
      await rm(cluster.socketDir, { recursive: true, force: true });
    },
  };
}

/** Makes the database `morrow` as well, the first time. */
async function answers({ socketDir }: Cluster): Promise<boolean> {
  try {
    const lease = await takeLease({ socketDir, port: PORT, user: SUPERUSER }, 'morrow');
    await lease.end();
    return true;
  } catch {
    return false;
  }
}

/** One to which the way is `refused`, or which is `silent`: what is sent to it gets nowhere, and nothing comes back. */
export async function createUnreachableDatabase(how: 'refused' | 'silent'): Promise<BreakableDatabase> {
  const test = await createTestDatabase();
  const proxy = new TcpProxy(targetOf(test.address));
  await proxy.pass();
  return {
    ...test,
    url: throughProxy(test.address, proxy.port),
    takeAway: async () => (how === 'refused' ? proxy.refuse() : proxy.silence()),
    bringBack: () => proxy.pass(),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

function targetOf(address: DatabaseAddress): ConstructorParameters<typeof TcpProxy>[0] {
  if ('url' in address) {
    const { hostname, port } = new URL(address.url);
    return { host: hostname, port: Number(port || PORT) };
  }
  return { path: join(address.host, `.s.PGSQL.${address.port}`) };
}

function throughProxy(address: DatabaseAddress, port: number): string {
  if (!('url' in address)) return `postgres://${address.user}@127.0.0.1:${port}/${address.database}`;
  const url = new URL(address.url);
  url.host = `127.0.0.1:${port}`;
  return url.href;
}
