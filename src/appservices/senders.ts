import type { Appservice } from '../matrix/appservices.ts';
import { insertAccount } from '../storage/accounts.ts';
import { inTransaction, type Db } from '../storage/database.ts';
import { internUsers } from '../storage/users.ts';
import type { Clock } from '../util/clock.ts';

/** Makes an account, without a password, for the sender of each application service that has none yet. */
export async function makeSenders(deps: {
  readonly db: Db;
  readonly clock: Clock;
  readonly appservices: readonly Appservice[];
}): Promise<void> {
  const userNids = await internUsers(
    deps.db,
    deps.appservices.map(({ sender }) => sender),
  );
  await inTransaction(deps.db, async (tx) => {
    for (const userNid of userNids.values()) {
      const account = { userNid, passwordHash: undefined, isGuest: false, isAdmin: false };
      await insertAccount(tx, { ...account, createdTs: deps.clock.nowMs() });
    }
  });
}
