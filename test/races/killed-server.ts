import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A server in a process of its own, to be ended without warning. */
export interface KillableServer {
  readonly baseUrl: string;
  /** Ends the process at once, whatever it is doing. */
  kill(): Promise<void>;
}

/** Runs the real program on a database; resolves when it answers. */
export async function startKillableServer(options: {
  readonly databaseUrl: string;
  readonly dataDir: string;
}): Promise<KillableServer> {
  const child = spawn(process.execPath, ['--import=tsx', 'src/main.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      // What the tests are told by is no setting of the server's.
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MORROW_'))),
      MORROW_DATABASE_URL: options.databaseUrl,
      MORROW_DATA_DIR: options.dataDir,
      MORROW_LISTEN: '127.0.0.1:0',
      MORROW_REGISTRATION: 'open',
      MORROW_RATE_LIMITS: 'off',
      MORROW_PASSWORD_COST: 'low',
      MORROW_MAX_DELAYED_EVENTS: '1000000',
      MORROW_LOG_LEVEL: 'error',
    },
  });
  // Whatever happens to the test, its servers go with it.
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  return {
    baseUrl: await readBaseUrl(child),
    async kill() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      process.off('exit', endWithUs);
    },
  };
}

async function readBaseUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the server has no output');
  for await (const line of createInterface(child.stdout)) {
    const url = / at (http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('the server ended before it answered');
}
