import {
  PostgresDialect,
  Transaction,
  type CompiledQuery,
  type DatabaseConnection,
  type Kysely,
  type QueryResult,
} from 'kysely';
import type pg from 'pg';
import { sendTogether } from './cork.ts';
import type { Database, Tx } from './database.ts';
import type { Tables } from './tables.ts';

/**
 * Runs one transaction in two round trips, however many statements it has.
 *
 * ```
 *   begin · what `read` sends     (one round trip)
 *   `decide`
 *   what it wants sent · commit   (one round trip)
 * ```
 *
 * `read`, and what `decide` answers with, send everything before they wait for anything: the statements run in that order, each
 * sees what those before it did, and none can use their answers. When one fails, nothing is done.
 */
export async function inTwoRoundTrips<Read, Result>(
  { db, pool }: Pick<Database, 'db' | 'pool'>,
  read: (tx: Tx) => Promise<Read>,
  decide: (read: Read) => Promise<(tx: Tx) => Promise<Result>>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const connection = new OpenConnection(client);
  const tx = transactionOn(db, pool, connection);
  try {
    const [, found] = await sendTogether(client, () => Promise.all([client.query('begin'), read(tx)]));
    const write = await decide(found);
    const [result] = await sendTogether(client, () => {
      const writing = write(tx);
      connection.isOpen = false;
      return Promise.all([writing, client.query('commit')]);
    });
    return result;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    // A connection on which something went wrong is not given to anyone else.
    client.release(broken);
  }
}

/** Sends what it is given at once, unlike the transactions of the query builder, which wait for the statement before. */
class OpenConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient;
  /** Not any more once the commit is sent: what would come behind it was to be part of it. */
  isOpen = true;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    if (!this.isOpen) throw new Error('a statement came after the commit of its transaction');
    const { rows } = await this.#client.query<Row & pg.QueryResultRow>(sql, [...parameters]);
    return { rows };
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('nothing is read as a stream here');
  }
}

function transactionOn(db: Kysely<Tables>, pool: pg.Pool, connection: DatabaseConnection): Tx {
  const dialect = new PostgresDialect({ pool });
  const executor = db.getExecutor().withConnectionProvider({ provideConnection: (use) => use(connection) });
  return new Transaction<Tables>({
    config: { dialect },
    driver: dialect.createDriver(),
    executor,
    dialect,
  }) as Tx;
}
