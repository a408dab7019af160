import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Authenticator } from '../accounts/authenticate.ts';
import type { HttpServer } from '../http/http-server.ts';
import { readFutureBacklog, type FutureBacklog } from '../storage/future-backlog.ts';
import type { CacheUse } from '../util/counted-cache.ts';
import type { Services } from './services.ts';

/** What is looked at when somebody asks for metrics, and costs nothing until then. */
export interface Watched extends Pick<Services, 'bus' | 'clock' | 'database' | 'pipeline' | 'syncFeed'> {
  readonly app: Pick<HttpServer, 'openCalls'>;
  readonly authenticator: Pick<Authenticator, 'cacheUse'>;
}

/** The database may not answer; whoever asks for metrics wants the others all the same. */
const DATABASE_PATIENCE_MS = 2_000;
const NANOSECONDS = 1e9;
/** The delay is measured with a timer of this interval, which counts as delay. */
const SAMPLE_MS = 10;
const MICROSECONDS = 1e6;

/** Adds all that is read on demand; call `refresh` before the registry is read. Dispose it. */
export function addGauges(
  registry: Registry,
  watched: Watched,
): Disposable & { readonly refresh: () => Promise<void> } {
  addQueues(registry, watched);
  addPool(registry, watched);
  addCaches(registry, watched);
  const process = addProcess(registry);
  const database = addDatabase(registry, watched);
  return { refresh: database.refresh, [Symbol.dispose]: () => process[Symbol.dispose]() };
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const made: Gauge = new Gauge({ name, help, registers: [registry], collect: () => made.set(read()) });
}

function addQueues(registry: Registry, { app, bus, pipeline, syncFeed }: Watched): void {
  gauge(
    registry,
    'morrow_http_requests_in_flight',
    'Requests that are being answered, long polls among them',
    () => app.openCalls,
  );
  gauge(
    registry,
    'morrow_sync_waiters',
    'Requests for /sync that wait for news',
    () => syncFeed.waiters.waiting,
  );
  gauge(
    registry,
    'morrow_rooms_busy',
    'Rooms in which something is decided or committed',
    () => pipeline.load.busyRooms,
  );
  gauge(
    registry,
    'morrow_proposals_waiting',
    'Proposals that are not decided yet',
    () => pipeline.load.waitingProposals,
  );
  gauge(
    registry,
    'morrow_commit_rooms_waiting',
    'Rooms whose changes wait for the transaction in flight',
    () => pipeline.load.waitingCommits,
  );
  gauge(registry, 'morrow_bus_listening', 'Whether other processes on the database are heard, 1 or 0', () =>
    Number(bus.isListening),
  );
}

function addPool(registry: Registry, { database: { pool } }: Watched): void {
  const connections: Gauge<'state'> = new Gauge({
    name: 'morrow_database_connections',
    help: 'Connections of the pool',
    labelNames: ['state'],
    registers: [registry],
    collect: () => {
      connections.set({ state: 'idle' }, pool.idleCount);
      connections.set({ state: 'busy' }, pool.totalCount - pool.idleCount);
    },
  });
  gauge(
    registry,
    'morrow_database_connections_max',
    'As many connections as the pool may have',
    () => pool.options.max,
  );
  gauge(
    registry,
    'morrow_database_waiters',
    'Queries and transactions that wait for a connection',
    () => pool.waitingCount,
  );
}

function addCaches(registry: Registry, { authenticator, pipeline, syncFeed }: Watched): void {
  const caches: readonly (readonly [string, CacheUse])[] = [
    ['memberships', syncFeed.cacheUse],
    ['room_snapshots', pipeline.snapshotUse],
    ['sessions', authenticator.cacheUse],
    ['state_keys', pipeline.stateKeys.cacheUse],
    ['state_nodes', pipeline.trie.cacheUse],
    ['users', pipeline.userUse],
  ];
  const add = (name: string, help: string, read: (use: CacheUse) => number): void => {
    const counter: Counter<'cache'> = new Counter({
      name,
      help,
      labelNames: ['cache'],
      registers: [registry],
      collect: () => {
        counter.reset();
        for (const [cache, use] of caches) counter.inc({ cache }, read(use));
      },
    });
  };
  add('morrow_cache_hits_total', 'How often a cache had what was asked for', (use) => use.hits);
  add('morrow_cache_misses_total', 'How often a cache had to be filled', (use) => use.misses);
}

function addProcess(registry: Registry): Disposable {
  gauge(registry, 'morrow_process_resident_memory_bytes', 'Memory of the process', () =>
    process.memoryUsage.rss(),
  );
  const cpu: Counter = new Counter({
    name: 'morrow_process_cpu_seconds_total',
    help: 'Processor time of the process',
    registers: [registry],
    collect: () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / MICROSECONDS);
    },
  });
  const delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  delay.enable();
  gauge(
    registry,
    'morrow_event_loop_delay_seconds',
    'Longest delay of the event loop since metrics were read last',
    () => {
      const longest = Math.max(0, delay.max / NANOSECONDS - SAMPLE_MS / 1000);
      delay.reset();
      return longest;
    },
  );
  return { [Symbol.dispose]: () => void delay.disable() };
}

function addDatabase(
  registry: Registry,
  { clock, database }: Watched,
): { readonly refresh: () => Promise<void> } {
  let isUp = false;
  let backlog: FutureBacklog = { pending: 0, soonestDeadlineTs: undefined };
  gauge(registry, 'morrow_database_up', 'Whether the database answers, 1 or 0', () => Number(isUp));
  gauge(registry, 'morrow_futures_pending', 'Futures that are pending', () => backlog.pending);
  gauge(
    registry,
    'morrow_futures_overdue_seconds',
    'How long the soonest deadline is past; while the database is away, of what was known last',
    () => Math.max(0, clock.nowMs() - (backlog.soonestDeadlineTs ?? Infinity)) / 1000,
  );
  const read = async (): Promise<void> => {
    try {
      backlog = await readFutureBacklog(database.db);
      isUp = true;
    } catch {
      isUp = false;
    }
  };
  return {
    async refresh() {
      isUp = false;
      let timer: { cancel: () => void } | undefined;
      const enough = new Promise<void>((resolve) => {
        timer = clock.schedule(clock.nowMs() + DATABASE_PATIENCE_MS, resolve);
      });
      await Promise.race([read(), enough]);
      timer?.cancel();
    },
  };
}
