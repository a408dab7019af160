import type { Tx } from '../storage/database.ts';
import { purgeFuturesOfUser } from '../storage/future-updates.ts';

/**
 * Part of the end of an account: what its user had scheduled is never sent, and what it would have said is forgotten.
 * Logging out and losing a device end no future: sending when its owner is gone is what one is for.
 */
export async function cancelFuturesOfUser(tx: Tx, userNid: number, nowMs: number): Promise<void> {
  await purgeFuturesOfUser(tx, userNid, nowMs);
}
