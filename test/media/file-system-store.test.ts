import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { FileSystemStore } from '../../src/media/file-system-store.ts';
import { seededRandom } from '../../src/util/random.ts';

async function* pieces(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of texts) yield Buffer.from(piece);
}

describe('the file store on a disk', () => {
  let root: string;
  let store: FileSystemStore;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'morrow-media-'));
    store = new FileSystemStore(root, seededRandom('files'));
  });
  afterEach(() => rm(root, { recursive: true }));

  async function listFiles(): Promise<string[]> {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  }

  it('gives back what was written, under another name each time', async () => {
    const first = await store.write(pieces('one ', 'two'));
    const second = await store.write(pieces('one ', 'two'));
    assert.equal(first.byteCount, 7);
    assert.notEqual(first.fileName, second.fileName);
    for (const { fileName } of [first, second])
      assert.equal(await text(await store.read(fileName)), 'one two');
  });

  it('leaves nothing of a write that failed half-way', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('half');
      throw new Error('the client has gone');
    }
    await assert.rejects(store.write(failing()), /the client has gone/);
    assert.deepEqual(await listFiles(), []);
  });

  it('forgets a file, once or twice', async () => {
    const { fileName } = await store.write(pieces('x'));
    await store.remove(fileName);
    await store.remove(fileName);
    await assert.rejects(store.read(fileName), /ENOENT/);
    assert.deepEqual(await listFiles(), []);
  });

  it('reads and removes nothing outside of itself', async () => {
    for (const name of ['../../etc/passwd', '..', '', `${'a'.repeat(31)}/`]) {
      await assert.rejects(store.read(name), /no name of a stored file/);
      await assert.rejects(store.remove(name), /no name of a stored file/);
    }
  });

  it('removes what old writes left behind, but no newer ones and no whole files', async () => {
    await store.removeUnfinished(0);
    const { fileName } = await store.write(pieces('whole'));
    for (const [name, seconds] of [
      ['old', 1000],
      ['new', 3000],
    ] as const) {
      const path = join(root, 'unfinished', name);
      await writeFile(path, 'part');
      await utimes(path, seconds, seconds);
    }
    await store.removeUnfinished(2_000_000);
    assert.deepEqual(new Set(await listFiles()), new Set([fileName, 'new']));
  });
});
