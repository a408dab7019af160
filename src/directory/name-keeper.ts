import type { Db } from '../storage/database.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { catchUpNames } from './user-names.ts';

export interface NameKeeperDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
}

const REST_MS = 30_000;

/**
 * Looks every now and then at the names that have changed, so that where nobody searches for users the list of changes
 * does not grow, and a search finds little left to do. Every process does so.
 */
export class NameKeeper implements AsyncDisposable {
  readonly #deps: NameKeeperDeps;
  #working: Promise<void> | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(deps: NameKeeperDeps) {
    this.#deps = deps;
  }

  /** Begins after a rest. */
  start(): void {
    const { clock } = this.#deps;
    this.#timer = clock.schedule(clock.nowMs() + REST_MS, () => {
      this.#working = this.#catchUpQuietly();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#working;
  }

  async #catchUpQuietly(): Promise<void> {
    const { db, log } = this.#deps;
    try {
      await catchUpNames(db, () => this.#isStopped);
    } catch (error) {
      // The top of a long-running loop: the database is away, and what is left undone will be done late.
      log.warn({ err: error }, 'names of users cannot be looked at, trying again');
    }
    if (!this.#isStopped) this.start();
  }
}
