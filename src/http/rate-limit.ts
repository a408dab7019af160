import { LRUCache } from 'lru-cache';
import { limitExceeded } from '../matrix/errors.ts';
import type { Clock } from '../util/clock.ts';
import type { RateLimitClass } from './endpoint.ts';

/** A token bucket: `burst` requests at once, refilled at `perSecond`. */
export interface RateBudget {
  readonly perSecond: number;
  readonly burst: number;
}

export type LimitedClass = Exclude<RateLimitClass, 'none'>;
export type RateBudgets = Readonly<Record<LimitedClass, RateBudget>>;

/**
 * Generous to people and their calls: a client that restarts a delayed leave event every 4 s must never be refused,
 * nor twenty of them behind one address. What guesses passwords or makes accounts gets little.
 */
export const defaultRateBudgets: RateBudgets = {
  read: { perSecond: 50, burst: 200 },
  write: { perSecond: 10, burst: 50 },
  login: { perSecond: 0.5, burst: 20 },
  registration: { perSecond: 0.2, burst: 20 },
  join: { perSecond: 1, burst: 30 },
  invite: { perSecond: 1, burst: 30 },
  search: { perSecond: 5, burst: 30 },
  'delayed-event-management': { perSecond: 10, burst: 50 },
  'future-token': { perSecond: 10, burst: 50 },
};

export interface RateLimiter {
  /** Takes one request out of the budget that `key` has in this class. Throws 429 M_LIMIT_EXCEEDED when it is spent. */
  readonly consume: (limited: RateLimitClass, key: string) => void;
}

/** Keys remembered in each class. The least used is forgotten, which gives it a full budget again. */
const MAX_KEYS = 20_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * Budgets in this process's memory. Budgets that are not given are the default ones; with `enabled: false` nothing is
 * ever refused.
 */
export function createRateLimiter(options: {
  readonly enabled: boolean;
  readonly clock: Clock;
  readonly budgets?: Partial<RateBudgets>;
}): RateLimiter {
  const { clock } = options;
  const budgets: RateBudgets = { ...defaultRateBudgets, ...options.budgets };
  const bucketsOf = new Map<RateLimitClass, LRUCache<string, Bucket>>();
  if (!options.enabled) return { consume: () => undefined };
  return {
    consume(limited, key) {
      if (limited === 'none') return;
      const buckets = bucketsOf.get(limited) ?? new LRUCache<string, Bucket>({ max: MAX_KEYS });
      bucketsOf.set(limited, buckets);
      const waitMs = take(buckets, key, budgets[limited], clock.nowMs());
      if (waitMs > 0) throw limitExceeded('Too many requests', waitMs);
    },
  };
}

/** Takes one token, or says in how many milliseconds there will be one. A refusal costs nothing. */
function take(buckets: LRUCache<string, Bucket>, key: string, budget: RateBudget, nowMs: number): number {
  const bucket = buckets.get(key) ?? { tokens: budget.burst, atMs: nowMs };
  buckets.set(key, bucket);
  // A wall clock that was set back refills nothing, and must not drain anything either.
  const elapsedMs = Math.max(0, nowMs - bucket.atMs);
  bucket.tokens = Math.min(budget.burst, bucket.tokens + (elapsedMs * budget.perSecond) / 1000);
  bucket.atMs = nowMs;
  if (bucket.tokens < 1) return ((1 - bucket.tokens) * 1000) / budget.perSecond;
  bucket.tokens -= 1;
  return 0;
}
