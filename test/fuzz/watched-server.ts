import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { REGISTRATION_SHARED_SECRET } from '../support/server.ts';
import type { MemoryInUse } from './tell-memory.ts';

/** The real program in a process of its own, with an eye on its log and its memory. */
export interface WatchedServer extends AsyncDisposable {
  readonly baseUrl: string;
  readonly port: number;
  /** Lines of its log from `warn` on, and whatever it wrote to standard error; the newest come last. */
  readonly remarks: string[];
  /** The exit code or the signal, once it has ended. */
  readonly ended: () => number | string | undefined;
  /** Collects garbage first. */
  readonly memory: () => Promise<MemoryInUse>;
}

const memoryInUse = z.object({ heapBytes: z.number(), bufferBytes: z.number(), residentBytes: z.number() });

/** Starts it with private addresses allowed and nothing limited; resolves when it answers. */
export async function startWatchedServer(options: {
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly appserviceDir: string;
}): Promise<WatchedServer> {
  const loaded = ['--import=tsx', '--import=./test/fuzz/tell-memory.ts'];
  const child = spawn(process.execPath, ['--expose-gc', ...loaded, 'src/main.ts'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MORROW_'))),
      MORROW_DATABASE_URL: options.databaseUrl,
      MORROW_DATA_DIR: options.dataDir,
      MORROW_APPSERVICES: options.appserviceDir,
      MORROW_LISTEN: '127.0.0.1:0',
      MORROW_REGISTRATION: 'open',
      MORROW_REGISTRATION_SHARED_SECRET: REGISTRATION_SHARED_SECRET,
      MORROW_RATE_LIMITS: 'off',
      MORROW_PASSWORD_COST: 'low',
      MORROW_ALLOW_PRIVATE_IPS: 'true',
      MORROW_URL_PREVIEWS: 'on',
      MORROW_THREAD_SUBSCRIPTIONS: 'on',
      MORROW_MAX_DELAYED_EVENTS: '100000',
      MORROW_MAX_UPLOAD_BYTES: '100000',
      MORROW_PUBLIC_BASE_URL: 'http://127.0.0.1',
      MORROW_SUPPORT_PAGE: 'http://127.0.0.1/help',
      MORROW_TURN_URIS: 'turn:127.0.0.1:3478',
      MORROW_TURN_SHARED_SECRET: 'a secret',
      MORROW_LOG_LEVEL: 'warn',
    },
  });
  const remarks: string[] = [];
  let end: number | string | undefined;
  child.once('exit', (code, signal) => (end = code ?? signal ?? 'unknown'));
  const baseUrl = await listenToIt(child, remarks);
  return {
    baseUrl,
    port: Number(new URL(baseUrl).port),
    remarks,
    ended: () => end,
    async memory() {
      child.send('how much memory is in use?');
      const [told] = await once(child, 'message');
      return memoryInUse.parse(told);
    },
    async [Symbol.asyncDispose]() {
      if (end !== undefined) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Collects what it says from now on; resolves with its address. */
function listenToIt(child: ChildProcess, remarks: string[]): Promise<string> {
  if (child.stdout === null || child.stderr === null) throw new Error('the server has no output');
  createInterface(child.stderr).on('line', (line) => remarks.push(line));
  const lines = createInterface(child.stdout);
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const url = / at (http:\S+)/.exec(line)?.[1];
      if (url === undefined) remarks.push(line);
      else resolve(url);
    });
    child.once('exit', () => reject(new Error(`the server ended before it answered: ${remarks.join('\n')}`)));
  });
}
