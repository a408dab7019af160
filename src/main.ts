#!/usr/bin/env node
import { mkdir, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import { loadConfig, type Config } from './config/config.ts';
import { configurationHelp } from './config/manual.ts';
import { formatSigningKeyFile } from './matrix/signing-key.ts';
import { startServer, type RunningServer } from './server/server.ts';
import { makeServerKey, signingKeyPath } from './server/signing-key-file.ts';
import { systemClock } from './util/clock.ts';
import { bufferedOutput, createLog, type Log } from './util/log.ts';
import { secureRandom } from './util/random.ts';

/*
 * The process: arguments, environment, signals, exit codes. 0 as asked, 1 something failed, 2 it was called wrongly.
 *
 *   starting ── ready ──► serving ── signal ──► stopping ── done ──► exit 0
 *   starting ── signal ──► (ready) ──► stopping        stopping ── another signal ──► exit 1
 */

const USAGE = `Usage: morrow [command]

  (none)         run the homeserver until SIGTERM or SIGINT; a second signal ends it at once
  generate-key   make the signing key in the data directory, unless there is one
  --help         print this
  --version      print the version
`;

/** A terminal and npm may both pass on the same Ctrl-C. */
const SAME_SIGNAL_MS = 250;
const EEXIST = z.object({ code: z.literal('EEXIST') });

async function main(args: readonly string[]): Promise<number | undefined> {
  const [command, ...rest] = args;
  if (rest.length === 0) {
    if (command === undefined) return withConfig(serve);
    if (command === 'generate-key') return withConfig(generateKey);
    if (command === '--help' || command === '-h')
      return print(`${USAGE}\nConfiguration:\n\n${configurationHelp()}\n`);
    if (command === '--version') return print(`${packageVersion()}\n`);
  }
  process.stderr.write(`morrow: cannot understand ${JSON.stringify(args.join(' '))}\n\n${USAGE}`);
  return 2;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** Reads nothing but the manifest beside src/ or dist/. */
function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return z.object({ version: z.string() }).parse(manifest).version;
}

async function withConfig(run: (config: Config) => Promise<number | undefined>): Promise<number | undefined> {
  const loaded = loadConfig({
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
    listDirectory: (path) => (isDirectory(path) ? readdirSync(path) : undefined),
  });
  if (loaded.kind === 'config') return run(loaded.config);
  const lines = loaded.complaints.map((complaint) => `  ${complaint}\n`);
  process.stderr.write(`morrow: the configuration is wrong; nothing was started.\n${lines.join('')}`);
  return 2;
}

/** What cannot be looked at is for whoever reads it to complain about. */
function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

async function generateKey(config: Config): Promise<number> {
  const path = signingKeyPath(config.dataDir);
  const key = makeServerKey(secureRandom);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, formatSigningKeyFile(key), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const reason = EEXIST.safeParse(error).success
      ? `${path} exists already; a signing key is never overwritten`
      : `cannot write ${path}: ${String(error)}`;
    process.stderr.write(`morrow: ${reason}\n`);
    return 1;
  }
  return print(`${path}: ${key.keyId}, public key ${key.publicKey}\n`);
}

/** Undefined while the server runs: then a signal decides when and how the process ends. */
async function serve(config: Config): Promise<number | undefined> {
  const log = createLog({ level: config.logLevel, destination: bufferedOutput() });
  const starting = startServer({ config, log, clock: systemClock, random: secureRandom });
  endOnSignals(starting, log);
  try {
    const { urls } = await starting;
    print(greeting(config, urls));
    hintAtThreads(log);
    return undefined;
  } catch (error) {
    log.fatal({ err: error }, 'cannot start');
    process.stderr.write(`morrow: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function greeting({ serverName, registration }: Config, urls: readonly string[]): string {
  const how = {
    open: 'register an account in any Matrix client',
    token: 'register with a registration token, or log in, in any Matrix client',
    closed: 'log in with any Matrix client (registration is closed)',
  }[registration];
  return `Morrow serves ${serverName} at ${urls.join(' and ')} – to begin, enter that address as the homeserver and ${how}.\n`;
}

/** The pool's size is fixed before our first line runs. */
function hintAtThreads(log: Log): void {
  const cores = availableParallelism();
  if (cores > 4 && process.env['UV_THREADPOOL_SIZE'] === undefined) {
    log.info(
      `UV_THREADPOOL_SIZE=${cores} in the environment would let signatures and passwords use all ${cores} cores`,
    );
  }
}

function endOnSignals(starting: Promise<RunningServer>, log: Log): void {
  let firstAtMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstAtMs !== undefined) {
      if (performance.now() - firstAtMs > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    firstAtMs = performance.now();
    log.info(`stopping after ${signal}; once more to leave at once`);
    void stop(starting, log).then((code) => process.exit(code));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

async function stop(starting: Promise<RunningServer>, log: Log): Promise<number> {
  try {
    await (await starting).stop();
    log.info('stopped');
    return 0;
  } catch (error) {
    log.error({ err: error }, 'did not stop cleanly');
    return 1;
  }
}

const code = await main(process.argv.slice(2));
if (code !== undefined) process.exit(code);
