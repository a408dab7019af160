import { parseUserId, type ServerName, type UserId } from '../matrix/identifiers.ts';
import { findAccount, insertAccount } from '../storage/accounts.ts';
import { inTransaction, type Db } from '../storage/database.ts';
import { putProfileField } from '../storage/profiles.ts';
import { internUsers } from '../storage/users.ts';
import type { Clock } from '../util/clock.ts';

export interface NoticeSenderDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly serverName: ServerName;
}

/** In whose name the server speaks. */
export interface NoticeSender {
  readonly userId: UserId;
  readonly userNid: number;
}

/** Nobody registers a name that begins like this. */
const LOCALPART = '_server';
const DISPLAY_NAME = 'Server notices';

/** The user who sends server notices: an account that nobody can log in to, made when it is first asked for. */
export async function getNoticeSender(deps: NoticeSenderDeps): Promise<NoticeSender> {
  const userId = parseUserId(`@${LOCALPART}:${deps.serverName}`);
  if (userId === undefined) throw new Error(`the server name ${deps.serverName} is too long for user ids`);
  const account = await findAccount(deps.db, userId);
  return { userId, userNid: account?.userNid ?? (await makeSender(deps, userId)) };
}

async function makeSender({ db, clock }: NoticeSenderDeps, userId: UserId): Promise<number> {
  const userNid = (await internUsers(db, [userId])).get(userId);
  if (userNid === undefined) throw new Error('a user was not interned');
  await inTransaction(db, async (tx) => {
    const account = { userNid, passwordHash: undefined, isGuest: false, isAdmin: false };
    if (await insertAccount(tx, { ...account, createdTs: clock.nowMs() }))
      await putProfileField(tx, userNid, 'displayname', DISPLAY_NAME);
  });
  return userNid;
}
