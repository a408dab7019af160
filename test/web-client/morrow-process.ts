import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const REQUEST_LINE = z.object({
  msg: z.literal('request'),
  method: z.string(),
  endpoint: z.string().optional(),
  status: z.number(),
});

/** One answered request as the server's log has it; `endpoint` is absent for a path that it does not know. */
export type LoggedRequest = Pick<z.infer<typeof REQUEST_LINE>, 'method' | 'endpoint' | 'status'>;

/** A homeserver in a process of its own, with its embedded database. */
export interface MorrowProcess extends AsyncDisposable {
  readonly baseUrl: string;
  /** Grows while it runs. */
  readonly requests: readonly LoggedRequest[];
}

/**
 * Starts what `npm start` starts, on a free port of 127.0.0.1, and resolves when it answers. All that it says goes to
 * `logFile`. Disposing ends it and its database as an interrupt does.
 */
export async function startMorrow(options: {
  readonly dataDir: string;
  readonly logFile: string;
  /** Of rooms that are made without one. */
  readonly roomVersion: string;
}): Promise<MorrowProcess> {
  const build = spawnSync(process.execPath, [join(ROOT, 'scripts/build-if-stale.mjs')], { stdio: 'inherit' });
  if (build.status !== 0) throw new Error('the server does not build');
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MORROW_'))),
      MORROW_DATA_DIR: options.dataDir,
      MORROW_LISTEN: '127.0.0.1:0',
      MORROW_DEFAULT_ROOM_VERSION: options.roomVersion,
      MORROW_LOG_LEVEL: 'info',
    },
  });
  const endWithUs = (): void => void child.kill('SIGTERM');
  process.once('exit', endWithUs);
  const requests: LoggedRequest[] = [];
  return {
    baseUrl: await follow(child, options.logFile, requests),
    requests,
    async [Symbol.asyncDispose]() {
      process.off('exit', endWithUs);
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Copies the output to a file, gathers the requests in it, and resolves to the address that the greeting names. */
function follow(child: ChildProcess, logFile: string, requests: LoggedRequest[]): Promise<string> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('the server has no output');
  const log = createWriteStream(logFile);
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      log.end();
      reject(new Error(`the server ended with ${code} before it answered; see ${logFile}`));
    });
    for (const stream of [stdout, stderr]) {
      createInterface(stream).on('line', (line) => {
        if (log.writable) log.write(`${line}\n`);
        const url = / at (http:\S+)/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
        const request = parseRequest(line);
        if (request !== undefined) requests.push(request);
      });
    }
  });
}

function parseRequest(line: string): LoggedRequest | undefined {
  if (!line.startsWith('{')) return undefined;
  const value: unknown = JSON.parse(line);
  return REQUEST_LINE.safeParse(value).data;
}
