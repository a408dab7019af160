import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountFor, launchIn, uidOf, type Account } from './account.ts';
import { isCode, type Binaries } from './binaries.ts';

/** Where one database cluster lives and how to reach it. */
export interface Cluster {
  readonly directory: string;
  /** PostgreSQL's account, undefined when it is ours. */
  readonly account: Account | undefined;
  /** Private directory of the unix socket; short, because socket paths end at about 100 bytes. */
  readonly socketDir: string;
  /** In the command line of the postmaster, so that a process can be told from one that took over its pid. */
  readonly name: string;
}

/** The one superuser, and the port that names the socket. */
export const SUPERUSER = 'morrow';
export const PORT = 5432;
const LONGEST_SOCKET_DIR = 80;

/** Describes the cluster of `dataDir` (created if absent, for our eyes only); the cluster itself may not exist yet. */
export async function locateCluster(dataDir: string): Promise<Cluster> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const directory = join(await realpath(dataDir), 'postgres');
  const account = await accountFor(directory);
  const name = `morrow-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`;
  const socketDir = await socketDirFor(`${name}-${uidOf(account) ?? 0}`, account);
  return { directory, account, name, socketDir };
}

/** True once the cluster was initialised. Throws when it needs another major version of PostgreSQL. */
export async function clusterExists(cluster: Cluster): Promise<boolean> {
  return (await clusterMajor(cluster)) !== undefined;
}

async function clusterMajor(cluster: Cluster): Promise<number | undefined> {
  try {
    return Number(await readFile(join(cluster.directory, 'PG_VERSION'), 'utf8'));
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined;
    throw new Error(
      `Cannot read ${cluster.directory}. Run Morrow as the user that made it, or set MORROW_DATA_DIR to another directory.`,
      { cause },
    );
  }
}

/** Makes the cluster unless it exists. Safe when two processes do it at once: it appears complete or not at all. */
export async function ensureCluster(cluster: Cluster, binaries: Binaries, fsync: boolean): Promise<void> {
  const major = await clusterMajor(cluster);
  if (major === binaries.major) return;
  if (major !== undefined) {
    throw new Error(
      `The database in ${cluster.directory} was made by PostgreSQL ${major}, but ${binaries.postgres} is ${binaries.major}. ` +
        `Set MORROW_POSTGRES_BIN to the bin directory of a PostgreSQL ${major}.`,
    );
  }
  await sweepDrafts(cluster.directory);
  const draft = await mkdtemp(`${cluster.directory}.new-${process.pid}-`);
  if (cluster.account !== undefined) await chown(draft, cluster.account.uid, cluster.account.gid);
  try {
    await initialise(draft, cluster.account, binaries.initdb, fsync);
    await rename(draft, cluster.directory);
  } catch (error) {
    if (!isCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function initialise(
  directory: string,
  account: Account | undefined,
  initdb: string,
  fsync: boolean,
): Promise<void> {
  const { options, dataArgument } = launchIn(directory, account);
  const fixed = ['-A', 'trust', '-E', 'UTF8', '--locale=C', '-U', SUPERUSER];
  const child = spawn(initdb, ['-D', dataArgument, ...fixed, ...(fsync ? [] : ['-N'])], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const complaints: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw initdbError(Buffer.concat(complaints).toString().trim());
}

function initdbError(complaint: string): Error {
  const nameless = /could not look up effective user ID (\d+)/.exec(complaint)?.[1];
  if (nameless === undefined) return new Error(`initdb failed: ${complaint}`);
  return new Error(
    `PostgreSQL makes a database only for a user that has a name, and uid ${nameless} has none. Add a line such as ` +
      `"morrow:x:${nameless}:${nameless}::/:/bin/false" to /etc/passwd, run Morrow as another user, or set MORROW_DATABASE_URL.`,
  );
}

/** Removes what processes that no longer run left half made. */
async function sweepDrafts(clusterDir: string): Promise<void> {
  const parent = join(clusterDir, '..');
  for (const name of await readdir(parent)) {
    const pid = /^postgres\.new-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** True while a process has that pid, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

async function socketDirFor(name: string, account: Account | undefined): Promise<string> {
  const open = account === undefined || ((await stat(tmpdir())).mode & 0o003) === 0o003;
  const parent = open && Buffer.byteLength(join(tmpdir(), name)) <= LONGEST_SOCKET_DIR ? tmpdir() : '/tmp';
  return join(parent, name);
}

/** Makes the socket directory, or checks that the one found is private to the account that PostgreSQL runs as. */
export async function ensureSocketDir({ socketDir, account }: Cluster): Promise<void> {
  await mkdir(socketDir, { mode: 0o700 }).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST')) throw error;
  });
  const found = await lstat(socketDir);
  const us = process.getuid?.() ?? found.uid;
  const them = account?.uid ?? us;
  if (!found.isDirectory() || (found.uid !== us && found.uid !== them) || (found.mode & 0o077) !== 0) {
    throw new Error(`${socketDir} is not a private directory of uid ${them}. Remove it and start again.`);
  }
  if (account !== undefined && found.uid === us) await chown(socketDir, account.uid, account.gid);
}
