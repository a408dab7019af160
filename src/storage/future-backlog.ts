import { sql } from 'kysely';
import type { Db } from './database.ts';

/** The futures that are not over yet. */
export interface FutureBacklog {
  readonly pending: number;
  /** In milliseconds since the epoch; undefined when none is pending. */
  readonly soonestDeadlineTs: number | undefined;
}

/** Counts along the index of deadlines: for who looks now and then. */
export async function readFutureBacklog(db: Db): Promise<FutureBacklog> {
  const { rows } = await sql<{ pending: number; soonest: number | null }>`
    select count(*) as pending, min(deadline_ts) as soonest from futures where status = 'pending'`.execute(
    db,
  );
  return { pending: rows[0]?.pending ?? 0, soonestDeadlineTs: rows[0]?.soonest ?? undefined };
}
