import type { Database } from '../../src/storage/database.ts';

/** How often the database is asked while something runs. */
export async function countQueries(
  { pool }: Pick<Database, 'pool'>,
  run: () => Promise<unknown>,
): Promise<number> {
  let count = 0;
  const note = (): void => void (count += 1);
  pool.on('acquire', note);
  try {
    await run();
    return count;
  } finally {
    pool.off('acquire', note);
  }
}
