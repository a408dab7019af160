import { rmdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../util/log.ts';
import type { DatabaseAddress } from './database.ts';
import { findBinaries, isCode } from './embedded-postgres/binaries.ts';
import {
  clusterExists,
  ensureCluster,
  locateCluster,
  PORT,
  SUPERUSER,
  type Cluster,
} from './embedded-postgres/cluster.ts';
import { takeLease, type Lease } from './embedded-postgres/lease.ts';
import {
  findPostmaster,
  launchPostmaster,
  stopPostmaster,
  type Launch,
} from './embedded-postgres/postmaster.ts';

/** Where the cluster lives, which programs run it and how. */
export interface EmbeddedPostgresOptions {
  /** The cluster is the directory `postgres` in here. */
  readonly dataDir: string;
  /** The bin directory of an installed PostgreSQL; absent means the packaged one. */
  readonly binDir?: string | undefined;
  readonly log: Log;
  /** Server settings on top of {@link SETTINGS}. */
  readonly settings?: Readonly<Record<string, string>>;
  /** False for tests only: a crash of the machine loses the database. */
  readonly fsync?: boolean;
}

const DATABASE = 'morrow';
const START_TIMEOUT_MS = 120_000;
const RETRY_MS = 25;
const RECONNECT_MS = 500;
const MOST_LAUNCHES = 5;
/** Errors that waiting does not mend: wrong role, no permission. */
const HOPELESS = ['28000', '28P01', '42501', 'EACCES', 'EPERM'];

/** Small: server and database together idle below 250 MB. No TCP, nothing that a single machine does not use. */
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '48MB',
  max_wal_size: '512MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
};
const NO_FSYNC = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Starts a PostgreSQL of our own on a data directory, or attaches to the one that runs there (another Morrow's, or one whose
 * Morrow was killed). Resolves when the database `morrow` answers; throws a sentence that says what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const cluster = await locateCluster(options.dataDir);
  const { lease, address } = await obtainLease(cluster, options);
  return new EmbeddedPostgres(cluster, options, address, lease);
}

type SocketAddress = Extract<DatabaseAddress, { host: string }>;

/**
 * Our use of an embedded server.
 *
 *   held ── connection lost ──► reconnecting ── attached or started again ──► held
 *   held, reconnecting ── stop ──► stopped; the server stops too unless another process holds it
 */
export class EmbeddedPostgres implements AsyncDisposable {
  readonly address: SocketAddress;
  readonly #cluster: Cluster;
  readonly #options: EmbeddedPostgresOptions;
  #lease: Lease | undefined;
  #stopped: Promise<void> | undefined;
  readonly #watch: Promise<void>;
  readonly #stopping = new AbortController();

  /** Use {@link startEmbeddedPostgres}. */
  constructor(cluster: Cluster, options: EmbeddedPostgresOptions, address: SocketAddress, lease: Lease) {
    this.#cluster = cluster;
    this.#options = options;
    this.address = address;
    this.#lease = lease;
    this.#watch = this.#keepLease(lease);
  }

  /** Lets go of the server; the last process out shuts it down and returns when it is gone. Calling twice is harmless. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#lease === undefined) await this.#watch;
    const lease = this.#lease;
    if (lease === undefined) return;
    // In doubt the server is left running: the next start attaches to it.
    if (await lease.takeAlone().catch(() => false)) {
      await stopPostmaster(this.#cluster);
      // Not empty when another process starts the server again this moment.
      await rmdir(this.#cluster.socketDir).catch(() => undefined);
    }
    await lease.end().catch(() => undefined);
    await this.#watch;
  }

  /** A backend that crashes takes all connections along; without our lease another process could stop the server under us. */
  async #keepLease(first: Lease): Promise<void> {
    const { signal } = this.#stopping;
    for (let lease = first; !signal.aborted;) {
      await lease.lost;
      this.#lease = undefined;
      while (!signal.aborted && this.#lease === undefined) {
        this.#options.log.warn('the embedded PostgreSQL closed its connection; connecting again');
        try {
          this.#lease = lease = (await obtainLease(this.#cluster, this.#options, signal)).lease;
        } catch (error) {
          if (signal.aborted) break;
          this.#options.log.error({ err: error }, 'the embedded PostgreSQL does not come back');
        }
        await delay(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

/** Attaches to the running server or starts it, as often as needed until one of both holds. */
async function obtainLease(
  cluster: Cluster,
  options: EmbeddedPostgresOptions,
  stopping?: AbortSignal,
): Promise<{ readonly lease: Lease; readonly address: SocketAddress }> {
  const giveUpAt = performance.now() + START_TIMEOUT_MS;
  let launch: Launch | undefined;
  for (let launches = 0; ;) {
    stopping?.throwIfAborted();
    const found = await findPostmaster(cluster);
    if (found === undefined && launch === undefined) {
      if (++launches > MOST_LAUNCHES) throw new Error(`PostgreSQL started and ended ${MOST_LAUNCHES} times.`);
      launch = await launchServer(cluster, options);
    }
    const server = {
      socketDir: found?.socketDir ?? cluster.socketDir,
      port: found?.port ?? PORT,
      user: SUPERUSER,
    };
    try {
      const lease = await takeLease(server, DATABASE);
      const address = { host: server.socketDir, port: server.port, user: SUPERUSER, database: DATABASE };
      return { lease, address };
    } catch (error) {
      if (isCode(error, ...HOPELESS) || performance.now() > giveUpAt) throw describe(error, cluster);
    }
    const ended = await Promise.race([launch?.ended, delay(RETRY_MS)]);
    if (ended === undefined) continue;
    // Another process that starts at the same moment makes ours end; then there is a server to attach to.
    if ((await findPostmaster(cluster)) === undefined && !ended.includes('lock file')) {
      throw new Error(`PostgreSQL did not start on ${cluster.directory}: ${ended}`);
    }
    launch = undefined;
  }
}

async function launchServer(cluster: Cluster, options: EmbeddedPostgresOptions): Promise<Launch> {
  const fsync = options.fsync ?? true;
  const binaries = await findBinaries(options.binDir, cluster.account);
  if (!(await clusterExists(cluster))) options.log.info(`making a new database in ${cluster.directory}`);
  await ensureCluster(cluster, binaries, fsync);
  return launchPostmaster(cluster, binaries, {
    ...SETTINGS,
    ...(fsync ? {} : NO_FSYNC),
    ...options.settings,
  });
}

function describe(cause: unknown, cluster: Cluster): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(
    `Cannot use the database in ${cluster.directory}: ${reason}. Run Morrow as the user that made it, ` +
      `and see ${cluster.directory}.log for what PostgreSQL says.`,
    { cause },
  );
}
