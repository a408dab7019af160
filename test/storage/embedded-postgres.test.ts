import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { QueryResultRow } from 'pg';
import { openDatabase } from '../../src/storage/database.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/storage/embedded-postgres.ts';
import { createLog } from '../../src/util/log.ts';

const log = createLog({ level: 'silent' });
const isRoot = process.getuid?.() === 0;
/** The account that PostgreSQL gets when we are root; else processes below simply are ours. */
const asNobody = isRoot ? { uid: 65534, gid: 65534 } : {};
/** An ordinary user that every system has: initdb wants its uid to have a name. */
const DAEMON = { uid: 1, gid: 1 };

/** A place for a data directory; what runs in it at the end is killed. */
async function emptyDir(mode = 0o755): Promise<{ path: string } & AsyncDisposable> {
  const parent = await mkdtemp(join(tmpdir(), 'morrow-embedded-'));
  await chmod(parent, mode);
  const path = join(parent, 'data');
  return {
    path,
    async [Symbol.asyncDispose]() {
      const pid = await postmasterPid(path);
      if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGQUIT');
      await rm(parent, { recursive: true, force: true });
    },
  };
}

/** A data directory with a database in it, copied from `seed`: making one takes a second, copying it a blink. */
async function dirWithDatabase(seed: string): Promise<{ path: string } & AsyncDisposable> {
  const dir = await emptyDir();
  await promisify(execFile)('cp', ['-a', seed, dir.path]);
  return dir;
}

function start(dataDir: string, more: { binDir?: string } = {}): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, log, fsync: false, ...more });
}

async function postmasterPid(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text.split('\n')[0]);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Asks until there is an answer: nobody tells us what happens in processes that are not our children. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 2000; tries++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(10);
  }
  throw new Error('it never came true');
}

async function query<Row extends QueryResultRow>(postgres: EmbeddedPostgres, sql: string): Promise<Row[]> {
  await using database = openDatabase(postgres.address, 1);
  return (await database.pool.query<Row>(sql)).rows;
}

async function show(postgres: EmbeddedPostgres, setting: string): Promise<unknown> {
  const [row] = await query<{ value: string }>(postgres, `select current_setting('${setting}') as value`);
  return row?.value;
}

async function spawnUser(
  dataDir: string,
  account: { uid?: number; gid?: number } = {},
): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('../support/embedded-postgres-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import=tsx', script, dataDir], {
    ...account,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  assert.ok(Buffer.isBuffer(first), 'the process did not start');
  return child;
}

async function end(child: ChildProcess): Promise<number | null> {
  child.stdin?.end();
  await once(child, 'exit');
  return child.exitCode;
}

describe('the embedded PostgreSQL', function () {
  this.timeout(60_000);
  let seed: Awaited<ReturnType<typeof emptyDir>>;

  before(async () => {
    seed = await emptyDir();
    await (await start(seed.path)).stop();
  });
  after(() => seed[Symbol.asyncDispose]());

  for (const [where, mode] of [
    ['in a directory that all may enter', 0o755],
    ['in a directory that only its owner may enter', 0o700],
  ] as const) {
    it(`keeps its data over a restart ${where}`, async () => {
      await using dir = await emptyDir(mode);
      {
        await using postgres = await start(dir.path);
        await query(postgres, 'create table kept (a integer); insert into kept values (7)');
      }
      await using postgres = await start(dir.path);
      assert.deepEqual(await query(postgres, 'select a from kept'), [{ a: 7 }]);
    });
  }

  it('runs for an ordinary user', async () => {
    await using dir = await emptyDir();
    await mkdir(dir.path, { mode: 0o700 });
    if (isRoot) await chown(dir.path, DAEMON.uid, DAEMON.gid);
    const child = await spawnUser(dir.path, isRoot ? DAEMON : {});
    assert.equal(await end(child), 0);
    assert.equal((await stat(join(dir.path, 'postgres'))).uid, isRoot ? DAEMON.uid : process.getuid?.());
    // What an ordinary user made, root runs as that user.
    await using postgres = await start(dir.path);
    assert.deepEqual(await query(postgres, 'select 1 as one'), [{ one: 1 }]);
  });

  it('is reached through a private socket only, and answers in UTC and UTF-8', async () => {
    await using dir = await dirWithDatabase(seed.path);
    await using postgres = await start(dir.path);
    assert.equal(await show(postgres, 'listen_addresses'), '');
    assert.equal((await stat(postgres.address.host)).mode & 0o777, 0o700);
    assert.equal((await stat(dir.path)).mode & 0o777, 0o700);
    assert.equal(await show(postgres, 'TimeZone'), 'UTC');
    assert.equal(await show(postgres, 'server_encoding'), 'UTF8');
  });

  it('flushes to disk unless told not to', async () => {
    await using dir = await dirWithDatabase(seed.path);
    {
      await using careless = await start(dir.path);
      assert.equal(await show(careless, 'fsync'), 'off');
    }
    await using careful = await startEmbeddedPostgres({
      dataDir: dir.path,
      log,
      settings: { work_mem: '5MB' },
    });
    assert.equal(await show(careful, 'fsync'), 'on');
    assert.equal(await show(careful, 'full_page_writes'), 'on');
    assert.equal(await show(careful, 'work_mem'), '5MB');
  });

  it('is shared by processes that start on a new directory at once, and ends with the last of them', async () => {
    await using dir = await emptyDir();
    const [first, second, third] = await Promise.all([start(dir.path), start(dir.path), start(dir.path)]);
    const pid = (await postmasterPid(dir.path)) ?? 0;
    await first.stop();
    await second.stop();
    await second.stop();
    assert.deepEqual(await query(third, 'select 1 as one'), [{ one: 1 }]);
    await third.stop();
    assert.equal(isAlive(pid), false);
    await assert.rejects(stat(third.address.host), { code: 'ENOENT' });
  });

  it('ends once when all processes stop at the same moment, and starts again for one that comes then', async () => {
    await using dir = await dirWithDatabase(seed.path);
    const users = await Promise.all([start(dir.path), start(dir.path)]);
    const [, , next] = await Promise.all([users[0].stop(), users[1].stop(), start(dir.path)]);
    assert.deepEqual(await query(next, 'select 1 as one'), [{ one: 1 }]);
    await next.stop();
    assert.equal(await postmasterPid(dir.path), undefined);
  });

  it('outlives a killed process and is taken over by the next', async () => {
    await using dir = await dirWithDatabase(seed.path);
    const child = await spawnUser(dir.path);
    const pid = (await postmasterPid(dir.path)) ?? 0;
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isAlive(pid), true);
    const postgres = await start(dir.path);
    assert.equal(await postmasterPid(dir.path), pid);
    await postgres.stop();
    assert.equal(await postmasterPid(dir.path), undefined);
  });

  it('starts in spite of lock files whose pid belongs to another program now', async () => {
    await using dir = await dirWithDatabase(seed.path);
    const { host } = await start(dir.path).then(async (postgres) => {
      await postgres.stop();
      return postgres.address;
    });
    const stranger = spawn('sleep', ['600'], { ...asNobody, stdio: 'ignore' });
    try {
      await mkdir(host, { mode: 0o700 });
      for (const lock of [join(dir.path, 'postgres', 'postmaster.pid'), join(host, '.s.PGSQL.5432.lock')]) {
        await writeFile(lock, `${stranger.pid}\n${dir.path}\n1700000000\n5432\n${host}\n\n\n`, {
          mode: 0o600,
        });
        if (isRoot) await chown(lock, 65534, 65534);
      }
      await using postgres = await start(dir.path);
      assert.deepEqual(await query(postgres, 'select 1 as one'), [{ one: 1 }]);
    } finally {
      stranger.kill();
      await once(stranger, 'exit');
    }
  });

  it('comes back at the same address after it was killed', async () => {
    await using dir = await dirWithDatabase(seed.path);
    await using postgres = await start(dir.path);
    const pid = (await postmasterPid(dir.path)) ?? 0;
    process.kill(pid, 'SIGKILL');
    await until(async () => ((await postmasterPid(dir.path)) === pid ? undefined : true));
    const answer = await until(() => query(postgres, 'select 1 as one').catch(() => undefined));
    assert.deepEqual(answer, [{ one: 1 }]);
  });

  it('is still held after one of its backends crashed', async () => {
    await using dir = await dirWithDatabase(seed.path);
    await using held = await start(dir.path);
    const [victim] = await query<{ pid: number }>(
      held,
      `select pid from pg_stat_activity where application_name = 'morrow lease'`,
    );
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    const leases = `select count(*) as n from pg_stat_activity where application_name = 'morrow lease' and pid <> ${victim?.pid}`;
    await until(async () => {
      const [row] = await query<{ n: number }>(held, leases).catch(() => []);
      return row?.n === 1 ? true : undefined;
    });
    await (await start(dir.path)).stop();
    assert.deepEqual(await query(held, 'select 1 as one'), [{ one: 1 }]);
  });

  it('refuses a cluster of another major version in a sentence that says what to do', async () => {
    await using dir = await dirWithDatabase(seed.path);
    await (await start(dir.path)).stop();
    await writeFile(join(dir.path, 'postgres', 'PG_VERSION'), '12\n');
    await assert.rejects(
      start(dir.path),
      /made by PostgreSQL 12.*Set MORROW_POSTGRES_BIN to the bin directory of a PostgreSQL 12/,
    );
  });

  it('says what PostgreSQL said when it does not start', async () => {
    await using dir = await dirWithDatabase(seed.path);
    const settings = { shared_buffers: 'plenty' };
    await assert.rejects(
      startEmbeddedPostgres({ dataDir: dir.path, log, settings, fsync: false }),
      /did not start on .*invalid value for parameter "shared_buffers": "plenty".*postgres\.log/,
    );
  });

  it('leaves nothing behind when initdb fails', async () => {
    await using dir = await emptyDir();
    await using bin = await emptyDir();
    await mkdir(bin.path);
    await writeFile(join(bin.path, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 17.2"\n', {
      mode: 0o755,
    });
    await writeFile(join(bin.path, 'initdb'), '#!/bin/sh\necho "no space" >&2\nexit 1\n', { mode: 0o755 });
    await assert.rejects(start(dir.path, { binDir: bin.path }), { message: 'initdb failed: no space' });
    await assert.rejects(stat(join(dir.path, 'postgres')), { code: 'ENOENT' });
  });

  it('says what to do where the user has no name', async () => {
    await using dir = await emptyDir();
    await using bin = await emptyDir();
    await mkdir(bin.path);
    const complaint = 'initdb: error: could not look up effective user ID 12345: user does not exist';
    await writeFile(join(bin.path, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 17.2"\n', {
      mode: 0o755,
    });
    await writeFile(join(bin.path, 'initdb'), `#!/bin/sh\necho "${complaint}" >&2\nexit 1\n`, {
      mode: 0o755,
    });
    await assert.rejects(start(dir.path, { binDir: bin.path }), /uid 12345 has none.*MORROW_DATABASE_URL/);
  });

  it('refuses binaries that are missing or too old', async () => {
    await using dir = await emptyDir();
    await using bin = await emptyDir();
    await assert.rejects(start(dir.path, { binDir: bin.path }), /Cannot run .*Set MORROW_POSTGRES_BIN/);
    await mkdir(bin.path);
    await writeFile(join(bin.path, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 14.9 (Debian)"\n', {
      mode: 0o755,
    });
    await assert.rejects(start(dir.path, { binDir: bin.path }), /is PostgreSQL 14; Morrow needs 15 or newer/);
  });
});
