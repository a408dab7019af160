import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import type { Brand } from '../util/brand.ts';
import type { Tables } from './tables.ts';

/** What readers take: queries outside of any transaction, each on whatever connection is free. */
export type Db = Kysely<Tables>;

/** What writers take: only {@link inTransaction} makes one. Queries on it run in sequence. */
export type Tx = Transaction<Tables> & Brand<object, 'Tx'>;

/** An open database: the query builder, and the pool for the few statements that are sent by hand. */
export interface Database extends AsyncDisposable {
  readonly db: Db;
  readonly pool: pg.Pool;
}

/** Where the database is: a `postgres://` URL, or the socket directory and port of an embedded one. */
export type DatabaseAddress =
  | { readonly url: string }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };

/**
 * Statements take arrays of any length: planning them anew each time would cost more than running them. A plan is made once,
 * often while a table is empty still, and kept while it grows: so none may read a whole table where there is an index, which
 * is how a statement that took a tenth of a millisecond came to take ten.
 */
const PLANNING = [
  'plan_cache_mode=force_generic_plan',
  'jit=off',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
];

const MOST_STATEMENT_NAMES = 500;

/** bigint columns (ids, positions, milliseconds) stay far below 2^53, so that they are numbers here. */
const INT8_OID = pg.types.builtins.INT8;
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === INT8_OID && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format ?? 'text'),
};

/** How long a database may be silent until it counts as away. */
export interface DatabaseLimits {
  /** Until there is a connection. */
  readonly connectMs: number;
  /** Until a statement is answered; then its connection is given up. 0: as long as it takes. */
  readonly statementMs: number;
}

/**
 * A statement may well wait for those in front of it, and for a process that died in a transaction (see
 * `idle_in_transaction_session_timeout`); none that serves a request takes so long by itself.
 */
export const defaultDatabaseLimits: DatabaseLimits = { connectMs: 10_000, statementMs: 15_000 };

/** Opens a pool of `connections` connections; statements are prepared once per connection under a bounded set of names. */
export function openDatabase(
  address: DatabaseAddress,
  connections: number,
  limits: DatabaseLimits = defaultDatabaseLimits,
): Database {
  const pool = new pg.Pool({
    ...('url' in address ? { connectionString: address.url } : address),
    max: connections,
    pipeline: true,
    types,
    connectionTimeoutMillis: limits.connectMs,
    query_timeout: limits.statementMs,
    idle_in_transaction_session_timeout: 10_000,
    application_name: 'morrow',
    options: PLANNING.map((setting) => `-c ${setting}`).join(' '),
  });
  // A connection that breaks while idle is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined);
  // One that breaks while in use says so twice: to the query that fails, and as an event that must have a listener.
  pool.on('connect', (client) => client.on('error', () => undefined));
  nameStatements(pool);
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return {
    db,
    pool,
    async [Symbol.asyncDispose]() {
      await db.destroy();
      // Kysely leaves a pool alone that it has sent nothing through.
      if (!pool.ending) await pool.end();
    },
  };
}

/** What is planned, as `begin` is not. Scripts of several statements come without values. */
const PLANNED = /^\s*(?:select|with|insert|update|delete)\b/;

/** Gives every statement that is planned a name, so that PostgreSQL parses and plans it once per connection. */
function nameStatements(pool: pg.Pool): void {
  const names = new Map<string, string>();
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text);
    if (known !== undefined || names.size >= MOST_STATEMENT_NAMES) return known;
    const name = `s${names.size}`;
    names.set(text, name);
    return name;
  };
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    const named = (...args: unknown[]): unknown => {
      const [text, values, ...rest] = args;
      const name =
        typeof text === 'string' && Array.isArray(values) && PLANNED.test(text) ? nameOf(text) : undefined;
      return name === undefined ? query(...args) : query({ name, text, values }, ...rest);
    };
    Object.assign(client, { query: named });
  });
}

const endings = new WeakMap<Tx, ((db: Db) => void)[]>();

/** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  let tx: Tx | undefined;
  try {
    return await db.transaction().execute((begun) => {
      tx = begun as Tx;
      return work(tx);
    });
  } finally {
    if (tx !== undefined) for (const run of endings.get(tx) ?? []) run(db);
  }
}

/**
 * Calls `run` when the transaction has ended, and before {@link inTransaction} resolves or rejects. Nobody can say then
 * whether it was committed: the connection may have been lost while that was being done.
 */
export function atEnd(tx: Tx, run: (db: Db) => void): void {
  endings.set(tx, [...(endings.get(tx) ?? []), run]);
}

/**
 * The first of `count` positions in the one stream that all readers follow. The row stays locked until the
 * transaction ends, so that positions become visible in order (numbers may be left out). Call it first in a transaction:
 * everyone locks this row before any other, which leaves no cycle to deadlock in.
 */
export async function allotPositions(tx: Tx, count: number): Promise<number> {
  const { rows } = await sql<{ last: number }>`
    update stream set position = position + ${count} returning position as last`.execute(tx);
  const last = rows[0]?.last;
  if (last === undefined) throw new Error('the stream row is missing');
  return last - count + 1;
}

/** The newest position that is visible: every smaller one is as well. */
export async function currentPosition(db: Db): Promise<number> {
  const { rows } = await sql<{ position: number }>`select position from stream`.execute(db);
  return rows[0]?.position ?? 0;
}
