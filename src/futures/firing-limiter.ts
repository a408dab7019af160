import { createRateLimiter, type RateLimiter } from '../http/rate-limit.ts';
import type { Clock } from '../util/clock.ts';

const PER_SECOND = 50;
const SMALLEST_BURST = 500;

/**
 * The budget that each user has for events that timers send, apart from what they send themselves: a leave event is
 * not lost because of chat. All that a user may have pending can come due at once; whoever exceeds even that finds
 * the future finalised with M_LIMIT_EXCEEDED.
 */
export function createFiringLimiter(options: {
  readonly enabled: boolean;
  readonly clock: Clock;
  readonly maxDelayedEvents: number;
}): Pick<RateLimiter, 'consume'> {
  const burst = Math.max(SMALLEST_BURST, 2 * options.maxDelayedEvents);
  return createRateLimiter({
    enabled: options.enabled,
    clock: options.clock,
    budgets: { write: { perSecond: PER_SECOND, burst } },
  });
}
