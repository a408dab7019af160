import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Random } from '../util/random.ts';
import type { FileStore, WrittenFile } from './file-store.ts';

const FILE_NAME = /^[0-9a-f]{32}$/;

/**
 * Files in a directory, each under a random name and in a folder of its first two digits. A file is written under
 * `unfinished/`, brought to the disk, and renamed: whatever is in the folders is whole.
 *
 *     <root>/unfinished/0f3a…      while it is written
 *     <root>/0f/0f3a…              from then on
 */
export class FileSystemStore implements FileStore {
  readonly #root: string;
  readonly #random: Random;

  constructor(root: string, random: Random) {
    this.#root = root;
    this.#random = random;
  }

  async write(content: AsyncIterable<Buffer>): Promise<WrittenFile> {
    const fileName = this.#random.bytes(16).toString('hex');
    const path = this.#pathOf(fileName);
    const unfinished = join(this.#unfinished, fileName);
    await mkdir(this.#unfinished, { recursive: true, mode: 0o700 });
    try {
      // Opened before anything is read: content that fails at once must not leave a file that is opened after it was removed.
      const opened = await open(unfinished, 'wx', 0o600);
      const file = opened.createWriteStream({ flush: true });
      await pipeline(content, file);
      await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
      await rename(unfinished, path);
      return { fileName, byteCount: file.bytesWritten };
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  async read(fileName: string): Promise<Readable> {
    const file = await open(this.#pathOf(fileName));
    return file.createReadStream();
  }

  async remove(fileName: string): Promise<void> {
    await rm(this.#pathOf(fileName), { force: true });
  }

  async removeUnfinished(beforeTs: number): Promise<void> {
    for (const name of await this.#listUnfinished()) {
      const path = join(this.#unfinished, name);
      // Another process may end the write, or remove it, at this very moment.
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && found.mtimeMs < beforeTs) await rm(path, { force: true });
    }
  }

  get #unfinished(): string {
    return join(this.#root, 'unfinished');
  }

  async #listUnfinished(): Promise<string[]> {
    try {
      return await readdir(this.#unfinished);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  #pathOf(fileName: string): string {
    if (!FILE_NAME.test(fileName)) throw new Error(`${fileName} is no name of a stored file`);
    return join(this.#root, fileName.slice(0, 2), fileName);
  }
}
