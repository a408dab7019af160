import type { Db, Tx } from '../storage/database.ts';
import { deleteNotificationsOfUser, deleteOldNotifications } from '../storage/forgotten-notifications.ts';
import { deletePushRulesOf } from '../storage/push-rules.ts';
import { deleteThreadSubscriptionsOf } from '../storage/thread-subscriptions.ts';
import type { Clock } from '../util/clock.ts';

const DAY_MS = 24 * 3_600_000;
const READ_KEPT_MS = 14 * DAY_MS;
const UNREAD_KEPT_MS = 90 * DAY_MS;

/** Forgets what an account that ends was notified of, and its rules. Its pushers end with its devices. */
export async function forgetPush(tx: Tx, userNid: number): Promise<void> {
  await deletePushRulesOf(tx, userNid);
  await deleteNotificationsOfUser(tx, userNid);
  await deleteThreadSubscriptionsOf(tx, userNid);
}

/** Removes notifications that are too old to be listed or counted. */
export async function sweepNotifications(deps: { readonly db: Db; readonly clock: Clock }): Promise<void> {
  const nowMs = deps.clock.nowMs();
  await deleteOldNotifications(deps.db, { readTs: nowMs - READ_KEPT_MS, unreadTs: nowMs - UNREAD_KEPT_MS });
}
