import type { Readable } from 'node:stream';

/** Where the bytes of media are: on a disk, or wherever else all processes of the server reach them. */
export interface FileStore {
  /** Keeps the bytes under a new name. When `content` throws, so does this, and nothing is left behind. */
  write(content: AsyncIterable<Buffer>): Promise<WrittenFile>;
  /** The bytes of a file. Rejects when there is none of that name. */
  read(fileName: string): Promise<Readable>;
  /** Forgets a file; one that is not there is fine. */
  remove(fileName: string): Promise<void>;
  /** Removes what writes left that never ended, if they began before `beforeTs` (milliseconds since the epoch). */
  removeUnfinished(beforeTs: number): Promise<void>;
}

export interface WrittenFile {
  readonly fileName: string;
  readonly byteCount: number;
}
