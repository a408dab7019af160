import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemClock } from '../../util/clock.ts';
import { launchIn } from './account.ts';
import { isCode, type Binaries } from './binaries.ts';
import { ensureSocketDir, isAlive, PORT, type Cluster } from './cluster.ts';

/** A running server, as its `postmaster.pid` describes it. */
export interface Postmaster {
  readonly pid: number;
  readonly socketDir: string;
  readonly port: number;
}

const LONGEST_LOG_BYTES = 10_000_000;
const STOP_POLL_MS = 20;
const STOP_TIMEOUT_MS = 60_000;
/** PostgreSQL makes its lock file and fills it at once; one that stays empty was left by a crash. */
const EMPTY_LOCK_GRACE_MS = 10_000;

/**
 * The server that runs on this cluster, or undefined. What a dead server left behind is removed if it would keep the next
 * one from starting: PostgreSQL itself only sees whether some process has the recorded pid.
 */
export async function findPostmaster(cluster: Cluster): Promise<Postmaster | undefined> {
  const path = join(cluster.directory, 'postmaster.pid');
  const text = await readOrUndefined(path);
  if (text === undefined) return undefined;
  const [pidLine, , , portLine, socketLine] = text.split('\n');
  const pid = Number(pidLine);
  if (!Number.isSafeInteger(pid) || pid <= 0) {
    await removeAbandoned(path, text);
    return undefined;
  }
  if (await isPostmasterOf(pid, cluster)) {
    return { pid, socketDir: socketLine?.trim() || cluster.socketDir, port: Number(portLine) || PORT };
  }
  if (isAlive(pid)) await removeStale(path, text);
  return undefined;
}

async function readOrUndefined(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  });
}

async function removeAbandoned(path: string, text: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && systemClock.nowMs() - found.mtimeMs > EMPTY_LOCK_GRACE_MS)
    await removeStale(path, text);
}

/** Takes the file away only if it still holds `text`: meanwhile another process may have started a server. */
async function removeStale(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  if ((await readOrUndefined(aside)) !== text) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

/** A postmaster's working directory is its cluster. Where that is hidden from us, its command line holds our name for it. */
async function isPostmasterOf(pid: number, cluster: Cluster): Promise<boolean> {
  if (!isAlive(pid)) return false;
  try {
    const [theirs, ours] = await Promise.all([stat(`/proc/${pid}/cwd`), stat(cluster.directory)]);
    return (
      theirs.dev === ours.dev && theirs.ino === ours.ino && (await commandLine(pid)).includes('postgres')
    );
  } catch (error) {
    if (isCode(error, 'ENOENT') && process.platform === 'linux') return false;
  }
  const command = await commandLine(pid);
  if (command.includes(`cluster_name=${cluster.name}`)) return true;
  if (!command.includes('postgres')) return false;
  throw new Error(
    `${join(cluster.directory, 'postmaster.pid')} names process ${pid}, a PostgreSQL that Morrow did not start. ` +
      `Stop that server if it uses this directory; remove the file if it does not.`,
  );
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return (await readOrUndefined(`/proc/${pid}/cmdline`)) ?? '';
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(
    () => ({
      stdout: '',
    }),
  );
  return stdout;
}

/** A server that was just started; `ended` resolves with its last words if it does not stay. */
export interface Launch {
  readonly ended: Promise<string>;
}

/** Starts a server and lets it outlive us: it is in a session of its own, so that Ctrl-C reaches only Morrow. */
export async function launchPostmaster(
  cluster: Cluster,
  binaries: Binaries,
  settings: Readonly<Record<string, string>>,
): Promise<Launch> {
  await ensureSocketDir(cluster);
  await removeStaleSocketLock(cluster);
  const logPath = `${cluster.directory}.log`;
  const logFile = await open(logPath, 'a', 0o600);
  try {
    if ((await logFile.stat()).size > LONGEST_LOG_BYTES) await logFile.truncate();
    const { options, dataArgument } = launchIn(cluster.directory, cluster.account);
    const all = { ...settings, cluster_name: cluster.name, unix_socket_directories: cluster.socketDir };
    const flags = Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const child = spawn(binaries.postgres, ['-D', dataArgument, '-p', String(PORT), ...flags], {
      ...options,
      detached: true,
      stdio: ['ignore', logFile.fd, logFile.fd],
    });
    child.unref();
    const ended = new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('exit', () => resolve(lastWords(logPath)));
    });
    return { ended };
  } finally {
    await logFile.close();
  }
}

async function lastWords(logPath: string): Promise<string> {
  const lines = ((await readOrUndefined(logPath)) ?? '').trim().split('\n');
  const fatal = lines.findLast((line) => /FATAL|PANIC/.test(line));
  return `${fatal ?? lines.at(-1) ?? ''} (all of it in ${logPath})`;
}

/** Called when no server runs on the cluster: the lock beside its socket, if any, is a left-over. */
async function removeStaleSocketLock(cluster: Cluster): Promise<void> {
  const path = join(cluster.socketDir, `.s.PGSQL.${PORT}.lock`);
  const text = await readOrUndefined(path);
  const pid = Number(text?.split('\n')[0]);
  if (text === undefined || !isAlive(pid) || (await isPostmasterOf(pid, cluster))) return;
  await removeStale(path, text);
}

/** Fast shutdown: transactions are rolled back, data is flushed. Returns when the server is gone. */
export async function stopPostmaster(cluster: Cluster): Promise<void> {
  const postmaster = await findPostmaster(cluster);
  if (postmaster === undefined) return;
  signal(postmaster.pid, 'SIGINT');
  for (let waitedMs = 0; await isPostmasterOf(postmaster.pid, cluster); waitedMs += STOP_POLL_MS) {
    // Immediate shutdown is a crash without loss: the next start replays the log.
    if (waitedMs === STOP_TIMEOUT_MS) signal(postmaster.pid, 'SIGQUIT');
    await delay(STOP_POLL_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isCode(error, 'ESRCH')) throw error;
  }
}
