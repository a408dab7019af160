import { createAuthenticator } from '../accounts/authenticate.ts';
import { createAppserviceAuthenticator } from '../appservices/authenticate.ts';
import { sweepExpired } from '../accounts/expiry.ts';
import type { Config } from '../config/config.ts';
import { createHttpApp } from '../http/app.ts';
import { sweepNotifications } from '../push/forget-push.ts';
import { leaveRoomsOfEnded } from '../rooms/leave-all-rooms.ts';
import { deleteOldTransactions } from '../storage/client-transactions.ts';
import { sweepMedia } from '../media/upload.ts';
import { sweepUrlPreviews } from '../media/url-previews.ts';
import { defaultDatabaseLimits, openDatabase, type Database } from '../storage/database.ts';
import type { DatabaseAddress, DatabaseLimits } from '../storage/database.ts';
import { startEmbeddedPostgres } from '../storage/embedded-postgres.ts';
import { deleteOldClaims } from '../storage/one-time-keys.ts';
import { migrate, MIGRATIONS_DIRECTORY } from '../storage/migrations.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { Disposal } from '../util/disposal.ts';
import type { Random } from '../util/random.ts';
import { allEndpoints } from './endpoints.ts';
import { openListeners } from './listeners.ts';
import { addGauges, type Watched } from './metric-gauges.ts';
import { openMetricsListener } from './metrics-listener.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { startServices, type Services } from './services.ts';
import { loadSigningKey } from './signing-key-file.ts';

export interface ServerOptions {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Absent: {@link defaultDatabaseLimits}. */
  readonly databaseLimits?: DatabaseLimits | undefined;
}

/** A server that answers. */
export interface RunningServer {
  /** Base URLs, such as `http://127.0.0.1:8008`. */
  readonly urls: readonly string[];
  /** Where metrics are, such as `http://127.0.0.1:9090/metrics`; undefined when they are off. */
  readonly metricsUrl: string | undefined;
  readonly services: Services;
  /** Ends long polls, finishes other requests and the commit in flight, then closes everything. */
  stop(): Promise<void>;
}

const POOL_SIZE = 10;
const SWEEP_EVERY_MS = 3_600_000;
const TRANSACTIONS_KEPT_MS = 7 * 24 * 3_600_000;
const CLAIMS_KEPT_MS = 7 * 24 * 3_600_000;

/** Starts the server: database, migrations, key, services, sockets. What was started is stopped again if a step fails. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, log, clock, random } = options;
  const started = new Disposal();
  try {
    const key = await loadSigningKey(config.dataDir, random);
    const database = started.use(await openMigrated(options, started));
    const metrics = config.metricsListen === undefined ? undefined : createMetrics(allEndpoints);
    const services = started.use(await startServices({ config, database, key, clock, random, log, metrics }));
    const authenticator = started.use(
      createAuthenticator({ db: database.db, bus: services.bus, clock, log }),
    );
    const authenticateAppservice = createAppserviceAuthenticator(services);
    const app = createHttpApp({
      endpoints: allEndpoints,
      deps: services,
      authenticate: async (token, origin, asserted) =>
        (await authenticateAppservice(token, asserted)) ?? authenticator.authenticate(token, origin),
      rateLimiter: services.rateLimiter,
      log,
      clock,
      onAnswered: metrics?.onAnswered,
    });
    started.use(app);
    const metricsUrl = await serveMetrics(config, metrics, { ...services, app, authenticator }, started);
    const urls = await openListeners(app, config);
    started.defer(sweepRegularly(services));
    return {
      urls,
      metricsUrl,
      services,
      stop: () => started[Symbol.asyncDispose](),
    };
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}

async function serveMetrics(
  { metricsListen }: Config,
  metrics: Metrics | undefined,
  watched: Watched,
  started: Disposal,
): Promise<string | undefined> {
  if (metricsListen === undefined || metrics === undefined) return undefined;
  const { registry } = metrics;
  const gauges = addGauges(registry, watched);
  started.defer(() => gauges[Symbol.dispose]());
  const { contentType } = registry;
  const read = async (): Promise<string> => {
    await gauges.refresh();
    return registry.metrics();
  };
  return started.use(await openMetricsListener(metricsListen, { contentType, read })).url;
}

async function openMigrated(
  { config, log, databaseLimits = defaultDatabaseLimits }: ServerOptions,
  started: Disposal,
): Promise<Database> {
  const address =
    config.databaseUrl === undefined
      ? started.use(
          await startEmbeddedPostgres({
            dataDir: config.dataDir,
            binDir: config.postgresBin,
            log,
          }),
        ).address
      : { url: config.databaseUrl };
  await migrateDatabase(address, databaseLimits, log);
  return openDatabase(address, POOL_SIZE, databaseLimits);
}

/** A migration may take as long as it takes. */
async function migrateDatabase(address: DatabaseAddress, limits: DatabaseLimits, log: Log): Promise<void> {
  await using database = openDatabase(address, 1, { ...limits, statementMs: 0 });
  await migrate(database, MIGRATIONS_DIRECTORY, log);
}

/** Removes what has expired or was left undone, now and every hour; the answer ends that. */
function sweepRegularly(services: Services): () => void {
  const { db, clock, log } = services;
  let timer: Timer | undefined;
  const sweep = (): void => {
    Promise.all([
      sweepExpired({ db, clock }),
      leaveRoomsOfEnded(services),
      sweepNotifications({ db, clock }),
      sweepMedia(services),
      sweepUrlPreviews(services),
      deleteOldTransactions(db, clock.nowMs() - TRANSACTIONS_KEPT_MS),
      deleteOldClaims(db, clock.nowMs() - CLAIMS_KEPT_MS),
    ]).catch((error: unknown) => log.warn({ err: error }, 'could not remove what has expired'));
    timer = clock.schedule(clock.nowMs() + SWEEP_EVERY_MS, sweep);
  };
  sweep();
  return () => timer?.cancel();
}
