import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { tooLarge, unknownError } from '../matrix/errors.ts';
import type { MediaId } from '../matrix/identifiers.ts';
import {
  findThumbnail,
  hasRoomForThumbnail,
  insertThumbnail,
  type MediaContent,
  type MediaFile,
  type ThumbnailWish,
} from '../storage/media.ts';
import type { FileStore } from './file-store.ts';
import {
  findContent,
  localMediaId,
  type FindContentDeps,
  type MediaAddress,
  type Patience,
} from './find-content.ts';
import type { Thumbnailer } from './thumbnailer.ts';

export interface ThumbnailDeps extends FindContentDeps {
  readonly fileStore: FileStore;
  readonly thumbnailer: Thumbnailer;
}

/** An image to be sent. */
export interface Thumbnail {
  readonly contentType: string;
  readonly byteCount: number;
  readonly content: Readable;
}

/** Read into memory as a whole. */
const MOST_SOURCE_BYTES = 50 * 1024 * 1024;
/** Clients ask for a handful of sizes. Whoever asks for every size there is fills no disk. */
const MOST_KEPT = 16;

/**
 * A thumbnail as wished for, made when it is first asked for: see thumbnailSize for its size. Throws as
 * {@link findContent} does, 413 M_TOO_LARGE for images that are too large to decode, 400 M_UNKNOWN for what is no
 * image that can be read, and 429 M_LIMIT_EXCEEDED when too many are being made.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid
 */
export async function getThumbnail(
  deps: ThumbnailDeps,
  address: MediaAddress,
  wish: ThumbnailWish,
  patience: Patience,
): Promise<Thumbnail> {
  const source = await findContent(deps, address, patience);
  const mediaId = localMediaId(deps.serverName, address);
  const kept = await findThumbnail(deps.db, mediaId, wish);
  if (kept !== undefined) return readFile(deps.fileStore, kept);
  if (source.byteCount > MOST_SOURCE_BYTES) throw imageTooLarge();
  return makeThumbnail(deps, mediaId, source, wish);
}

async function makeThumbnail(
  deps: ThumbnailDeps,
  mediaId: MediaId,
  source: MediaContent,
  wish: ThumbnailWish,
): Promise<Thumbnail> {
  const load = async (): Promise<Buffer> => buffer(await deps.fileStore.read(source.fileName));
  const rendered = await deps.thumbnailer.render(load, wish);
  if (rendered.kind === 'too large') throw imageTooLarge();
  if (rendered.kind === 'no image') throw unknownError('There are no thumbnails of such content');
  const { contentType } = rendered;
  if (rendered.kind === 'made') {
    const { bytes } = rendered;
    await keep(deps, mediaId, wish, { bytes, contentType });
    return { contentType, byteCount: bytes.length, content: Readable.from([bytes]) };
  }
  const original = { fileName: source.fileName, byteCount: source.byteCount, contentType };
  if (await hasRoomForThumbnail(deps.db, mediaId, MOST_KEPT))
    await insertThumbnail(deps.db, mediaId, wish, original);
  return readFile(deps.fileStore, original);
}

/** Writes a thumbnail down, unless the media has enough of them or another request was faster. */
async function keep(
  deps: ThumbnailDeps,
  mediaId: MediaId,
  wish: ThumbnailWish,
  made: { readonly bytes: Buffer; readonly contentType: string },
): Promise<void> {
  const { db, fileStore } = deps;
  if (!(await hasRoomForThumbnail(db, mediaId, MOST_KEPT))) return;
  const file = await fileStore.write(Readable.from([made.bytes]));
  const isFirst = await insertThumbnail(db, mediaId, wish, { ...file, contentType: made.contentType });
  if (!isFirst) await fileStore.remove(file.fileName);
}

async function readFile(fileStore: FileStore, file: MediaFile): Promise<Thumbnail> {
  const { contentType, byteCount, fileName } = file;
  return { contentType, byteCount, content: await fileStore.read(fileName) };
}

function imageTooLarge(): Error {
  return tooLarge('The content is too large for a thumbnail');
}
