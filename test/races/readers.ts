import assert from 'node:assert/strict';
import type { TestUser } from '../support/server.ts';
import { until } from '../support/until.ts';
import type { Fleet } from './fleet.ts';
import type { MixedLoad } from './mixed-load.ts';
import { SyncedView } from './synced-view.ts';

/** One of a user's clients, which knows what /sync has told it. */
export interface Reader {
  readonly user: TestUser;
  readonly view: SyncedView;
}

/** Clients that sync while there is load, until all of it has reached them. */
export class Readers {
  /** Settles with {@link finish}, or at the first failure. */
  readonly reading: Promise<unknown>;
  readonly #fleet: Fleet;
  readonly #readers: readonly Reader[];
  #isOver = false;

  /** Each waits up to `waitMs` in a /sync. */
  constructor(fleet: Fleet, readers: readonly Reader[], waitMs: number) {
    this.#fleet = fleet;
    this.#readers = readers;
    this.reading = Promise.all(
      readers.map(async ({ view }) => {
        while (!this.#isOver) await view.step(waitMs);
      }),
    );
  }

  /**
   * For when the load has ended: each has then seen what the load was promised, and knows what a client that comes anew is
   * told.
   */
  async finish(load: MixedLoad): Promise<void> {
    await load.mark();
    await Promise.race([
      until('every reader to be at the end', () =>
        this.#readers.every(({ view, user }) => load.hasReached(view, user)),
      ),
      this.reading,
    ]);
    this.#isOver = true;
    await this.reading;
    for (const { view, user } of this.#readers) {
      load.check(view, user);
      const fresh = new SyncedView(this.#fleet, 0, user, 50);
      await fresh.step(0);
      assert.deepEqual(view.rooms, fresh.rooms);
      assert.deepEqual(view.accountData, fresh.accountData);
    }
  }
}
