import { inTransaction, type Db } from '../storage/database.ts';
import { hasNameChanges } from '../storage/user-names.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { indexNames } from './user-names.ts';

export interface NameKeeperDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
}

const REST_MS = 30_000;

/**
 * Keeps what users are found by. Looks every now and then at the names that have changed, so that where nobody searches
 * the list of changes does not grow, and a search finds little left to do. Every process does so.
 */
export class NameKeeper implements AsyncDisposable {
  readonly #deps: NameKeeperDeps;
  #moving: Promise<void> | undefined;
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

  /** Resolves when users are found by what they were called at the call. Rejects when the database is away. */
  async catchUp(): Promise<void> {
    const { db } = this.#deps;
    while (!this.#isStopped && (await hasNameChanges(db))) {
      // One at a time: those who wait for the same lock would keep connections from others.
      this.#moving ??= inTransaction(db, indexNames).finally(() => {
        this.#moving = undefined;
      });
      await this.#moving;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await Promise.allSettled([this.#moving, this.#working]);
  }

  async #catchUpQuietly(): Promise<void> {
    try {
      await this.catchUp();
    } catch (error) {
      // The top of a long-running loop: the database is away, and what is left undone will be done late.
      this.#deps.log.warn({ err: error }, 'names of users cannot be looked at, trying again');
    }
    if (!this.#isStopped) this.start();
  }
}
