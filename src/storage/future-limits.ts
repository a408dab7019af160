import type { Connection, NewFuture } from './future-commit.ts';

/** Sets the locks of owners of futures apart from all other advisory locks: "futu" in ASCII, above the owner's number. */
const OWNER_LOCKS = 0x66757475n << 32n;

interface Owners {
  readonly userNids: readonly number[];
  readonly lockKeys: readonly string[];
  readonly wanted: readonly number[];
  readonly mostPending: readonly number[];
}

/** Whose futures these are, in the order of their numbers: no two transactions that lock them wait for each other. */
function ownersOf(futures: readonly NewFuture[]): Owners {
  const userNids = [...new Set(futures.map((future) => future.userNid))].toSorted((a, b) => a - b);
  const futuresOf = userNids.map((userNid) => futures.filter((future) => future.userNid === userNid));
  return {
    userNids,
    lockKeys: userNids.map((userNid) => String(OWNER_LOCKS + BigInt(userNid))),
    wanted: futuresOf.map((own) => own.length),
    mostPending: futuresOf.map((own) => Math.min(...own.map((future) => future.mostPending))),
  };
}

/**
 * Sends what makes sure that nobody gets more futures than they may have pending: the owners are locked, and the second
 * statement fails, with a division by zero, when one of them would. Comes after all other locks of the transaction, and
 * before the futures are stored.
 */
export function sendFutureLimits(connection: Connection, futures: readonly NewFuture[]): Promise<unknown>[] {
  if (futures.length === 0) return [];
  const { userNids, lockKeys, wanted, mostPending } = ownersOf(futures);
  return [
    connection.query(LOCK_OWNERS, [lockKeys]),
    connection.query(CHECK_LIMITS, [userNids, wanted, mostPending]),
  ];
}

/**
 * The same, with an answer: those of the futures that are too many for their owners. Of several new ones the first are
 * served first.
 */
export async function listTooMany<Future extends NewFuture>(
  connection: Connection,
  futures: readonly Future[],
): Promise<Future[]> {
  if (futures.length === 0) return [];
  const { userNids, lockKeys } = ownersOf(futures);
  const [, counted] = await Promise.all([
    connection.query(LOCK_OWNERS, [lockKeys]),
    connection.query<{ user_nid: number; count: number }>(COUNT_PENDING, [userNids]),
  ]);
  const pending = new Map(counted.rows.map((row) => [row.user_nid, row.count]));
  return futures.filter((future) => {
    const count = (pending.get(future.userNid) ?? 0) + 1;
    if (count > future.mostPending) return true;
    pending.set(future.userNid, count);
    return false;
  });
}

/** A statement of its own: what follows it sees what was committed until the locks were there. */
const LOCK_OWNERS = `
  select pg_advisory_xact_lock(key) from (select unnest($1::bigint[]) as key order by key) as owners`;

const COUNT_PENDING = `
  select user_nid, count(*) as count from futures
  where user_nid = any($1::bigint[]) and status = 'pending' group by user_nid`;

const CHECK_LIMITS = `
  select 1 / (not exists (
    select from unnest($1::bigint[], $2::int[], $3::bigint[]) as w (user_nid, wanted, most)
    where w.wanted + (
      select count(*) from futures f where f.user_nid = w.user_nid and f.status = 'pending'
    ) > w.most
  ))::int`;
