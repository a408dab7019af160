import type { Config } from '../config/config.ts';
import type { Identity } from '../rooms/decision.ts';
import type { Pipeline } from '../rooms/pipeline.ts';
import type { Database, Db } from '../storage/database.ts';
import type { Clock } from '../util/clock.ts';
import type { Random } from '../util/random.ts';

/** What makes and manages futures. */
export interface FutureDeps {
  readonly db: Db;
  readonly database: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly identity: Identity;
  readonly pipeline: Pipeline;
  readonly config: Pick<Config, 'maxDelayMs' | 'maxDelayedEvents' | 'futures'>;
  /** Told of each new deadline. */
  readonly futureScheduler: { readonly expect: (deadlineTs: number) => void };
}
