import { LRUCache } from 'lru-cache';
import type { Clock } from '../util/clock.ts';
import { CacheUse } from '../util/counted-cache.ts';
import type { PostgresBus } from './bus.ts';
import type { Db } from './database.ts';
import { onSessionsChanged } from './session-changes.ts';
import { findSession, type FoundSession } from './sessions.ts';

const MOST_SESSIONS = 20_000;
/** Only what no process has said would be found out by this. */
const KEPT_MS = 10_000;

interface Remembered {
  readonly session: FoundSession;
  readonly untilMs: number;
}

/**
 * The sessions behind access tokens, so that a request need not ask the database who is asking.
 *
 * ```
 *   looked up ─► remembered ─┬─ a session changed, here ──► forgotten before whoever changed it has an answer
 *                            ├─ …in another process ──────► forgotten when the bus says so
 *                            ├─ the bus is not listening ─► not looked at
 *                            └─ ten seconds have passed ──► looked up again
 * ```
 *
 * Any change forgets all: it is rare, and nobody has to find out whose sessions it concerns.
 */
export class SessionMemory {
  readonly cacheUse = new CacheUse();
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #bus: Pick<PostgresBus, 'isListening'>;
  readonly #sessions = new LRUCache<string, Remembered>({ max: MOST_SESSIONS });
  /** Moves on with each change: what was looked up before it may be from before it. */
  #generation = 0;

  constructor(deps: {
    readonly db: Db;
    readonly clock: Clock;
    readonly bus: Pick<PostgresBus, 'isListening' | 'subscribe'>;
  }) {
    this.#db = deps.db;
    this.#clock = deps.clock;
    this.#bus = deps.bus;
    onSessionsChanged(deps.db, () => this.#forget());
    deps.bus.subscribe((topics) => {
      if (topics.has('sessions')) this.#forget();
    });
  }

  /** The session that an access token belongs to, expired or not. */
  async find(accessHash: Buffer): Promise<FoundSession | undefined> {
    const key = accessHash.toString('base64');
    const nowMs = this.#clock.nowMs();
    const remembered = this.#bus.isListening ? this.#sessions.get(key) : undefined;
    const isFresh = remembered !== undefined && nowMs < remembered.untilMs;
    this.cacheUse.note(isFresh);
    if (isFresh) return remembered.session;
    const generation = this.#generation;
    const session = await findSession(this.#db, accessHash);
    // The first use of a refreshed token has an effect, which has to come every time until it has come.
    if (session?.used === true && generation === this.#generation)
      this.#sessions.set(key, { session, untilMs: nowMs + KEPT_MS });
    return session;
  }

  #forget(): void {
    this.#generation += 1;
    this.#sessions.clear();
  }
}
