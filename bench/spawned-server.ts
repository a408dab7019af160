import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BenchClient } from './client.ts';

const VERSIONS = '/_matrix/client/versions';
const ASK_EVERY_MS = 10;
const START_PATIENCE_MS = 60_000;
const STOP_PATIENCE_MS = 60_000;
/** What load needs, and nothing that makes the server do less than usual. */
const SETTINGS = {
  MORROW_REGISTRATION: 'open',
  MORROW_RATE_LIMITS: 'off',
  MORROW_MAX_DELAYED_EVENTS: '1000000',
};
/** Settings of ours that may come from who runs this; all others would make runs differ. */
const PASSED_ON = ['MORROW_LOG_LEVEL', 'MORROW_POSTGRES_BIN', 'MORROW_PASSWORD_COST'];

/**
 * A homeserver of ours with an embedded database, in a fresh directory for temporary files, on a port of 127.0.0.1.
 *
 *     stopped ──start──► running ──stop──► stopped     (the data and the address stay)
 *     any ──dispose──► gone, and its directory with it
 */
export class SpawnedServer implements AsyncDisposable {
  readonly baseUrl: string;
  readonly #program: string;
  readonly #directory: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(program: string, directory: string, port: number) {
    this.#program = program;
    this.#directory = directory;
    this.#port = port;
    this.baseUrl = `http://127.0.0.1:${port}`;
  }

  /** `program` is what node runs: `dist/main.js`, or a `.ts` of the sources. Not started yet. */
  static async prepare(program: string): Promise<SpawnedServer> {
    return new SpawnedServer(program, await mkdtemp(join(tmpdir(), 'morrow-bench-')), await findFreePort());
  }

  /** Undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it answers; rejects with the end of its log when it does not come so far. */
  async start(): Promise<void> {
    const log = await open(join(this.#directory, 'server.log'), 'a');
    const loader = this.#program.endsWith('.ts') ? ['--import=tsx'] : [];
    const child = spawn(process.execPath, [...loader, this.#program], {
      stdio: ['ignore', log.fd, log.fd],
      env: {
        ...Object.fromEntries(
          Object.entries(process.env).filter(
            ([key]) => !key.startsWith('MORROW_') || PASSED_ON.includes(key),
          ),
        ),
        ...SETTINGS,
        MORROW_DATA_DIR: join(this.#directory, 'data'),
        MORROW_LISTEN: `127.0.0.1:${this.#port}`,
      },
    });
    await log.close();
    this.#child = child;
    // However this process ends, the server is told to; it ends its database itself.
    const endWithUs = (): void => void child.kill('SIGTERM');
    process.once('exit', endWithUs);
    child.once('exit', () => process.off('exit', endWithUs));
    await this.#answering(child);
  }

  /** Ends it as an interrupt does, and resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const patience = setTimeout(() => void this.#endAtOnce(child), STOP_PATIENCE_MS);
    child.kill('SIGTERM');
    await gone;
    clearTimeout(patience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** The size of all tables and indexes on disk: without the log of transactions. */
  async databaseBytes(): Promise<number> {
    const tables = join(this.#directory, 'data', 'postgres', 'base');
    const entries = await readdir(tables, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    // What PostgreSQL removes meanwhile counts as nothing.
    const sizes = files.map((file) =>
      stat(join(file.parentPath, file.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
    return (await Promise.all(sizes)).reduce((total, size) => total + size, 0);
  }

  async #answering(child: ChildProcess): Promise<void> {
    const client = new BenchClient(this.baseUrl, 1);
    const end = performance.now() + START_PATIENCE_MS;
    try {
      for (;;) {
        const answers = await client.skim('GET', VERSIONS).then(
          () => true,
          () => false,
        );
        if (answers) return;
        if (child.exitCode !== null || performance.now() > end)
          throw new Error(`the server does not answer:\n${await this.#lastWords()}`);
        await pause(ASK_EVERY_MS);
      }
    } finally {
      client.close();
    }
  }

  async #lastWords(): Promise<string> {
    const lines = (await readFile(join(this.#directory, 'server.log'), 'utf8')).trimEnd().split('\n');
    return lines.slice(-5).join('\n');
  }

  /** The last resort for a server that does not stop: then its database is left, and is ended as well. */
  async #endAtOnce(child: ChildProcess): Promise<void> {
    child.kill('SIGKILL');
    const file = join(this.#directory, 'data', 'postgres', 'postmaster.pid');
    const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
    if (pid > 0) process.kill(pid, 'SIGQUIT');
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
