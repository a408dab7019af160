import { Client, DatabaseError } from 'pg';

/**
 * A connection that says "this process uses the server". Each holds one advisory lock in shared mode; who stops tries to
 * have it alone, and only then is the last one out. The lock goes with its connection, so that a killed process holds nothing,
 * and who arrives during a shutdown waits for the lock, is disconnected, and starts the server anew.
 */
export interface Lease {
  /** Resolves when the connection is gone, wanted or not. */
  readonly lost: Promise<void>;
  /** True when no other process uses the server; then none can begin to until the connection is gone. */
  takeAlone(): Promise<boolean>;
  end(): Promise<void>;
}

/** "morrow" in ASCII, in the catalog's own database, where no other advisory locks are taken. */
const LEASE_KEY = 0x6d6f72726f77;
const ALREADY_THERE = new Set(['42P04', '23505']);

/** Connects, takes the lock and makes sure that `database` exists. Throws pg's or the system's error. */
export async function takeLease(
  server: { readonly socketDir: string; readonly port: number; readonly user: string },
  database: string,
): Promise<Lease> {
  const client = new Client({
    host: server.socketDir,
    port: server.port,
    user: server.user,
    database: 'postgres',
    application_name: 'morrow lease',
  });
  const lost = new Promise<void>((resolve) => client.on('end', () => resolve()));
  // What breaks while idle shows as `end`.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select pg_advisory_lock_shared($1)', [LEASE_KEY]);
    await ensureDatabase(client, database);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return { lost, takeAlone: () => takeAlone(client), end: () => client.end() };
}

async function ensureDatabase(client: Client, name: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
  if (rowCount !== 0) return;
  await client.query(`create database ${client.escapeIdentifier(name)}`).catch((error: unknown) => {
    if (!(error instanceof DatabaseError && ALREADY_THERE.has(error.code ?? ''))) throw error;
  });
}

async function takeAlone(client: Client): Promise<boolean> {
  await client.query('select pg_advisory_unlock_shared($1)', [LEASE_KEY]);
  const { rows } = await client.query<{ alone: boolean }>('select pg_try_advisory_lock($1) as alone', [
    LEASE_KEY,
  ]);
  return rows[0]?.alone === true;
}
