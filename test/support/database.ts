import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, type Database, type DatabaseAddress } from '../../src/storage/database.ts';
import { startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts';
import { migrate, MIGRATIONS_DIRECTORY } from '../../src/storage/migrations.ts';
import { createLog } from '../../src/util/log.ts';

/** A migrated database that nobody else uses; disposing closes and drops it. */
export interface TestDatabase extends AsyncDisposable {
  readonly address: DatabaseAddress;
  /** The same as {@link address} in the form that `MORROW_DATABASE_URL` takes. */
  readonly url: string;
  readonly database: Database;
}

export interface TestDatabaseOptions {
  /** Size of the pool; tests of races want more. */
  readonly connections?: number;
  /** False gives a database without tables. */
  readonly migrated?: boolean;
}

interface TestServer {
  readonly admin: Database;
  readonly addressOf: (database: string) => DatabaseAddress;
  readonly stop: () => Promise<void>;
}

const log = createLog({ level: 'warn' });
const prefix = `morrow_test_${process.pid}`;
const template = `${prefix}_template`;
let server: Promise<TestServer> | undefined;
let made = 0;

/**
 * Makes a database on this test run's own server (or the one of MORROW_TEST_DATABASE_URL), which is started by the first call
 * and stopped by the mocha hook in hooks.ts.
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  server ??= startServer();
  const { admin, addressOf } = await server;
  const name = `${prefix}_${made++}`;
  const from = options.migrated === false ? 'template0' : template;
  await admin.pool.query(`create database ${name} template ${from} strategy file_copy`);
  const address = addressOf(name);
  const database = openDatabase(address, options.connections ?? 4);
  return {
    address,
    url: urlOf(address),
    database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await admin.pool.query(`drop database if exists ${name} with (force)`);
    },
  };
}

/** Ends this run's server, if any was started. */
export async function stopTestServer(): Promise<void> {
  const running = server;
  server = undefined;
  // One that did not start has cleaned up and failed the test that asked for it.
  await (await running?.catch(() => undefined))?.stop();
}

async function startServer(): Promise<TestServer> {
  const given = process.env['MORROW_TEST_DATABASE_URL'];
  const { address, stop } =
    given === undefined ? await startCluster() : { address: { url: given }, stop: async () => {} };
  const admin = openDatabase(address, 2);
  const addressOf = (database: string): DatabaseAddress => onDatabase(address, database);
  const stopAll = async (): Promise<void> => {
    if (given !== undefined) await admin.pool.query(`drop database if exists ${template} with (force)`);
    await admin[Symbol.asyncDispose]();
    await stop();
  };
  try {
    await admin.pool.query(`create database ${template} template template0`);
    await using filled = openDatabase(addressOf(template), 1);
    await migrate(filled, MIGRATIONS_DIRECTORY, log);
  } catch (error) {
    await stopAll();
    throw error;
  }
  return { admin, addressOf, stop: stopAll };
}

function onDatabase(address: DatabaseAddress, database: string): DatabaseAddress {
  if (!('url' in address)) return { ...address, database };
  const url = new URL(address.url);
  url.pathname = `/${database}`;
  return { url: url.href };
}

function urlOf(address: DatabaseAddress): string {
  if ('url' in address) return address.url;
  const { host, port, user, database } = address;
  return `postgres://${user}@${encodeURIComponent(host)}:${port}/${database}`;
}

async function startCluster(): Promise<{ readonly address: DatabaseAddress; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'morrow-test-'));
  const settings = { max_connections: '200', autovacuum: 'off', max_wal_size: '1GB' };
  const postgres = await startEmbeddedPostgres({ dataDir, log, settings, fsync: false });
  const watchdog = await startWatchdog(dataDir, postgres.address.host);
  return {
    address: postgres.address,
    async stop() {
      watchdog.kill('SIGKILL');
      await once(watchdog, 'exit');
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Ends the server and removes its directories when this process goes without saying so: then the pipe between them closes. */
async function startWatchdog(dataDir: string, socketDir: string): Promise<ChildProcess> {
  const pid = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0] ?? '';
  const script = 'cat; kill -QUIT "$1"; while kill -0 "$1"; do sleep 0.1; done; rm -rf "$2" "$3"';
  const watchdog = spawn('sh', ['-c', script, 'watchdog', pid, dataDir, socketDir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  return watchdog;
}
