import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PoolClient } from 'pg';
import type { Log } from '../util/log.ts';
import type { Database } from './database.ts';

/** One step of the schema, from a file `NNNN_word.sql`. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, in hex: a landed migration never changes. */
  readonly sha256: string;
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
}

/** The package's own migrations: `src/storage` and `dist/storage` are equally deep. */
export const MIGRATIONS_DIRECTORY = fileURLToPath(new URL('../../migrations', import.meta.url));

/** "migrate" in ASCII. */
const MIGRATION_LOCK = 0x6d696772;

const LEDGER = `
  create table if not exists migrations (
    number integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
  );
  comment on table migrations is 'Which files of migrations/ this database has seen, in order.'`;

/**
 * Brings the database to the newest migration in `directory`, each in a transaction of its own. Processes that start at once
 * take turns. Throws, having changed nothing, when a landed migration was edited or the database is newer than the code.
 */
export async function migrate(database: Pick<Database, 'pool'>, directory: string, log: Log): Promise<void> {
  const migrations = await readMigrations(directory);
  const client = await connect(database);
  let broken: Error | undefined;
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const applied = await readApplied(client);
    refuseMismatch(migrations, applied);
    for (const migration of migrations.slice(applied.length)) {
      await apply(client, migration);
      log.info({ migration: migration.name }, 'migrated the database');
    }
    await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  } catch (error) {
    // Closing the connection frees the lock.
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(broken);
  }
}

/** The first connection of a start: most wrong addresses show here. */
async function connect({ pool }: Pick<Database, 'pool'>): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    // Refusals on several addresses of one name come as an AggregateError without a message.
    const error = cause instanceof AggregateError ? cause.errors[0] : cause;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Cannot connect to the database: ${reason}. Does it run, and is MORROW_DATABASE_URL right?`,
      { cause },
    );
  }
}

/** Reads and orders the migrations. Each number is used once; gaps mean nothing. */
export async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(names.map((name) => readMigration(directory, name)));
  migrations.forEach(({ number, name }, index) => {
    const before = migrations[index - 1];
    if (before?.number === number)
      throw new Error(`Migrations ${before.name} and ${name} have the same number.`);
  });
  return migrations;
}

async function readMigration(directory: string, file: string): Promise<Migration> {
  const number = /^(\d{4})_[a-z0-9-]+\.sql$/.exec(file)?.[1];
  if (number === undefined) throw new Error(`Migration ${file} is not named like 0001_word.sql.`);
  const text = await readFile(join(directory, file), 'utf8');
  // A checkout with other line ends is the same migration.
  const sql = text.replaceAll('\r\n', '\n');
  return {
    number: Number(number),
    name: file.slice(0, -'.sql'.length),
    sql,
    sha256: createHash('sha256').update(sql).digest('hex'),
  };
}

async function readApplied(client: PoolClient): Promise<readonly Applied[]> {
  await client.query(LEDGER);
  const { rows } = await client.query<Applied>('select number, name, sha256 from migrations order by number');
  return rows;
}

function refuseMismatch(migrations: readonly Migration[], applied: readonly Applied[]): void {
  applied.forEach((landed, index) => {
    const ours = migrations[index];
    if (ours === undefined) {
      throw new Error(
        `The database is newer than this Morrow: it has migration ${landed.name}, the newest known here is ` +
          `${migrations.at(-1)?.name ?? 'none'}. Start the newer Morrow, or restore a backup from before its upgrade.`,
      );
    }
    if (ours.sha256 !== landed.sha256 || ours.name !== landed.name) {
      throw new Error(
        `Migration ${ours.name} is not the one that this database was made with (${landed.name}, sha256 ${landed.sha256}). ` +
          `A landed migration is never edited: restore the file, and put the change into a new one.`,
      );
    }
  });
}

async function apply(client: PoolClient, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(migration.sql);
    await client.query('insert into migrations (number, name, sha256) values ($1, $2, $3)', [
      migration.number,
      migration.name,
      migration.sha256,
    ]);
    await client.query('commit');
  } catch (cause) {
    await client.query('rollback').catch(() => undefined);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Migration ${migration.name} failed: ${reason}`, { cause });
  }
}
