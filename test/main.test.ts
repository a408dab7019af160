import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { envName, SETTINGS } from '../src/config/settings.ts';
import { parseSigningKeyFile } from '../src/matrix/signing-key.ts';
import { createTestDatabase } from './support/database.ts';
import { checkedFetch } from './support/spec-check.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
// By require: mocha loads a file that it cannot require a second way, with modules of its own behind it.
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

interface Morrow {
  readonly child: ChildProcess;
  /** What was written so far. */
  readonly out: { stdout: string; stderr: string };
  /** The exit code, once it ended. */
  readonly ended: Promise<number | null>;
}

/** Runs the program in `cwd` with no variables but these. */
function run(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Morrow {
  const child = spawn(process.execPath, [`--import=${TSX}`, MAIN, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (out.stderr += text));
  const ended = once(child, 'close').then(() => child.exitCode);
  return { child, out, ended };
}

/** The address in the greeting. */
async function greeted(morrow: Morrow): Promise<string> {
  for (;;) {
    const url = /^Morrow serves .* at (http:\S+)/m.exec(morrow.out.stdout)?.[1];
    if (url !== undefined) return url;
    const over = await Promise.race([
      once(morrow.child.stdout ?? morrow.child, 'data').then(() => false),
      morrow.ended.then(() => true),
    ]);
    assert.equal(over, false, `it ended: ${morrow.out.stderr}`);
  }
}

async function emptyDir(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'morrow-main-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('the program', function () {
  this.timeout(60_000);

  it('prints its usage and every setting', async () => {
    await using dir = await emptyDir();
    const { out, ended } = run(dir.path, ['--help']);
    assert.equal(await ended, 0);
    assert.match(out.stdout, /^Usage: morrow/);
    for (const { key } of SETTINGS) assert.ok(out.stdout.includes(envName(key)), key);
    assert.deepEqual(await readdir(dir.path), []);
  });

  it('prints its version', async () => {
    await using dir = await emptyDir();
    const { out, ended } = run(dir.path, ['--version'], { MORROW_LISTEN: 'wrong' });
    assert.equal(await ended, 0);
    assert.match(out.stdout, /^\d+\.\d+\.\d+\n$/);
  });

  for (const args of [['--verbose'], ['start'], ['generate-key', '--force']]) {
    it(`refuses the arguments "${args.join(' ')}" with its usage`, async () => {
      await using dir = await emptyDir();
      const { out, ended } = run(dir.path, args);
      assert.equal(await ended, 2);
      assert.match(out.stderr, new RegExp(`^morrow: cannot understand "${args.join(' ')}"\n\nUsage: morrow`));
      assert.equal(out.stdout, '');
      assert.deepEqual(await readdir(dir.path), []);
    });
  }

  it('refuses a bad configuration with every complaint, and creates nothing', async () => {
    await using dir = await emptyDir();
    const { out, ended } = run(dir.path, [], {
      MORROW_LISTEN: '8008',
      MORROW_CONFIG: 'none.yaml',
      MORROW_TYPO: '1',
    });
    assert.equal(await ended, 2);
    assert.match(out.stderr, /MORROW_CONFIG: cannot read "none\.yaml"/);
    assert.match(out.stderr, /MORROW_LISTEN: "8008" must be host:port/);
    assert.match(out.stderr, /MORROW_TYPO: is no setting/);
    assert.equal(out.stdout, '');
    assert.deepEqual(await readdir(dir.path), []);
  });

  it('makes a signing key once and never overwrites it', async () => {
    await using dir = await emptyDir();
    const first = run(dir.path, ['generate-key']);
    assert.equal(await first.ended, 0, first.out.stderr);
    const path = join(dir.path, 'data', 'signing.key');
    const text = await readFile(path, 'utf8');
    assert.match(text, /^ed25519 a_[A-Za-z]{4} [A-Za-z0-9+/]{43}\n$/);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const key = parseSigningKeyFile(text);
    assert.equal(first.out.stdout, `data/signing.key: ${key?.keyId}, public key ${key?.publicKey}\n`);

    const second = run(dir.path, ['generate-key']);
    assert.equal(await second.ended, 1);
    assert.match(second.out.stderr, /signing\.key exists already/);
    assert.equal(await readFile(path, 'utf8'), text);
  });

  it('starts from nothing, keeps its data, and leaves no process behind on SIGTERM', async () => {
    await using dir = await emptyDir();
    for (const round of ['first', 'second']) {
      const morrow = run(dir.path, [], { MORROW_LISTEN: '127.0.0.1:0', MORROW_LOG_LEVEL: 'error' });
      const url = await greeted(morrow);
      const response = await checkedFetch(`${url}/_matrix/client/versions`);
      assert.equal(response.status, 200, round);
      morrow.child.kill('SIGTERM');
      assert.equal(await morrow.ended, 0, morrow.out.stderr);
      assert.equal(morrow.out.stderr, '');
      await assert.rejects(stat(join(dir.path, 'data', 'postgres', 'postmaster.pid')), { code: 'ENOENT' });
    }
    assert.deepEqual((await readdir(join(dir.path, 'data'))).sort(), [
      'postgres',
      'postgres.log',
      'signing.key',
    ]);
  });

  it('says how to begin where registration is closed, and ends on SIGINT', async () => {
    await using dir = await emptyDir();
    await using test = await createTestDatabase();
    const env = {
      MORROW_DATABASE_URL: test.url,
      MORROW_LISTEN: '127.0.0.1:0',
      MORROW_REGISTRATION: 'closed',
    };
    const morrow = run(dir.path, [], env);
    await greeted(morrow);
    assert.match(morrow.out.stdout, /log in with any Matrix client \(registration is closed\)/);
    morrow.child.kill('SIGINT');
    assert.equal(await morrow.ended, 0, morrow.out.stderr);
    assert.deepEqual(await readdir(join(dir.path, 'data')), ['signing.key']);
  });

  it('leaves at once on a second signal, even when a request does not end', async () => {
    await using dir = await emptyDir();
    await using test = await createTestDatabase();
    const morrow = run(dir.path, [], { MORROW_DATABASE_URL: test.url, MORROW_LISTEN: '127.0.0.1:0' });
    const { port } = new URL(await greeted(morrow));
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    socket.write('POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{');
    await once(socket, 'connect');
    await checkedFetch(`http://127.0.0.1:${port}/_matrix/client/versions`);
    const code = await Promise.race([morrow.ended, signalUntilItEnds(morrow)]);
    assert.equal(code, 1);
    socket.destroy();
  });

  it('says what is wrong when it cannot start', async () => {
    await using dir = await emptyDir();
    const env = { MORROW_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', MORROW_LISTEN: '127.0.0.1:0' };
    const { out, ended } = run(dir.path, [], env);
    assert.equal(await ended, 1);
    assert.match(
      out.stderr,
      /^morrow: Cannot connect to the database: .*127\.0\.0\.1:1.*MORROW_DATABASE_URL/m,
    );
  });
});

/** The first signal asks, later ones insist; those that come too close to the first count as the same. */
async function signalUntilItEnds({ child, ended }: Morrow): Promise<number | null> {
  while (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    await delay(100);
  }
  return ended;
}
