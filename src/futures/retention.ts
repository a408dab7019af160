import type { Db } from '../storage/database.ts';
import { deleteFuturesBeyond, deleteFuturesFinalisedBefore } from '../storage/future-updates.ts';

const KEPT_MS = 7 * 24 * 3_600_000;
const KEPT_PER_USER = 1_000;
const AT_ONCE = 1_000;

/** Forgets finalised futures after 7 days, and all but the newest 1,000 of each user. */
export async function sweepFutures(db: Db, nowMs: number): Promise<void> {
  while ((await deleteFuturesFinalisedBefore(db, nowMs - KEPT_MS, AT_ONCE)) === AT_ONCE);
  while ((await deleteFuturesBeyond(db, KEPT_PER_USER, AT_ONCE)) === AT_ONCE);
}
