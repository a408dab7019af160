import { openDatabase, type DatabaseAddress } from '../../src/storage/database.ts';
import type { TestDatabase } from '../support/database.ts';

/** Takes a database away from everyone: connections break and new ones are refused, until the answer is called. */
export async function interruptDatabase(database: TestDatabase): Promise<() => Promise<void>> {
  const name = nameOf(database.address);
  const admin = openDatabase(onDatabase(database.address, 'postgres'), 1);
  await admin.pool.query(`alter database ${name} with allow_connections false`);
  await admin.pool.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
  return async () => {
    await admin.pool.query(`alter database ${name} with allow_connections true`);
    await admin[Symbol.asyncDispose]();
  };
}

function nameOf(address: DatabaseAddress): string {
  return 'url' in address ? new URL(address.url).pathname.slice(1) : address.database;
}

function onDatabase(address: DatabaseAddress, database: string): DatabaseAddress {
  if (!('url' in address)) return { ...address, database };
  const url = new URL(address.url);
  url.pathname = `/${database}`;
  return { url: url.href };
}
