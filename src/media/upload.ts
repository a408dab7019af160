import {
  cannotOverwriteMedia,
  forbidden,
  limitExceeded,
  notFound,
  type MatrixError,
} from '../matrix/errors.ts';
import { parseMediaId, type MediaId, type MxcUri, type ServerName } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import {
  deleteExpiredMedia,
  fillMedia,
  findMedia,
  insertAwaitedMedia,
  insertMedia,
  type MediaContent,
} from '../storage/media.ts';
import type { Clock } from '../util/clock.ts';
import { randomToken, type Random } from '../util/random.ts';
import type { MediaArrivals } from './arrivals.ts';
import { servedContentType } from './content-type.ts';
import type { FileStore } from './file-store.ts';
import { localMediaId, type MediaAddress } from './find-content.ts';

export interface UploadDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly serverName: ServerName;
  readonly fileStore: FileStore;
  readonly mediaArrivals: MediaArrivals;
}

/** What a client uploads. */
export interface Upload {
  readonly content: AsyncIterable<Buffer>;
  /** As the client says. */
  readonly contentType: string | undefined;
  /** The name of the file, if the client gave one. */
  readonly name: string | undefined;
}

/** As the specification advises: time enough to find a better connection. */
const UNUSED_KEPT_MS = 24 * 3_600_000;
const MOST_AWAITED = 20;
const UNFINISHED_KEPT_MS = 24 * 3_600_000;

/**
 * Stores what a user uploads, and says where it is. Throws what reading the content throws; nothing is kept then.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload
 */
export async function uploadMedia(deps: UploadDeps, userNid: number, upload: Upload): Promise<MxcUri> {
  const content = await store(deps, upload);
  const mediaId = newMediaId(deps.random);
  await insertMedia(deps.db, { mediaId, userNid, createdTs: deps.clock.nowMs() }, content);
  return { serverName: deps.serverName, mediaId };
}

/**
 * Makes an mxc:// URI whose content the same user may upload until `unusedExpiresTs` (milliseconds since the epoch).
 * Throws 429 M_LIMIT_EXCEEDED while the user has too many that wait for their content.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav1create
 */
export async function createMedia(
  deps: Pick<UploadDeps, 'db' | 'clock' | 'random' | 'serverName'>,
  userNid: number,
): Promise<{ readonly uri: MxcUri; readonly unusedExpiresTs: number }> {
  const { db, clock, random, serverName } = deps;
  const createdTs = clock.nowMs();
  const unusedExpiresTs = createdTs + UNUSED_KEPT_MS;
  const mediaId = newMediaId(random);
  const media = { mediaId, userNid, createdTs, unusedExpiresTs };
  const outcome = await insertAwaitedMedia(db, media, MOST_AWAITED);
  if (outcome.kind === 'too many')
    throw limitExceeded('Too many uploads are pending', outcome.nextExpiryTs - createdTs);
  return { uri: { serverName, mediaId }, unusedExpiresTs };
}

/**
 * Stores the content of a URI that {@link createMedia} made. Throws 404 M_NOT_FOUND for one that is unknown or has
 * expired, 403 M_FORBIDDEN for one of another user, 409 M_CANNOT_OVERWRITE_MEDIA for one that has its content, and
 * what reading the content throws.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixmediav3uploadservernamemediaid
 */
export async function uploadCreatedMedia(
  deps: UploadDeps,
  userNid: number,
  address: MediaAddress,
  upload: Upload,
): Promise<void> {
  const mediaId = localMediaId(deps.serverName, address);
  // Asked before the content is read, which may be long.
  await requireAwaited(deps, mediaId, userNid);
  const content = await store(deps, upload);
  if (await fillMedia(deps.db, mediaId, content, deps.clock.nowMs())) {
    deps.mediaArrivals.announce(mediaId);
    return;
  }
  await deps.fileStore.remove(content.fileName);
  await requireAwaited(deps, mediaId, userNid);
  throw overwriting();
}

/** Removes created URIs that have expired and what broken uploads left; for now and then, in any process. */
export async function sweepMedia(deps: Pick<UploadDeps, 'db' | 'clock' | 'fileStore'>): Promise<void> {
  const nowTs = deps.clock.nowMs();
  await deleteExpiredMedia(deps.db, nowTs);
  await deps.fileStore.removeUnfinished(nowTs - UNFINISHED_KEPT_MS);
}

async function requireAwaited(
  deps: Pick<UploadDeps, 'db' | 'clock'>,
  mediaId: MediaId,
  userNid: number,
): Promise<void> {
  const media = await findMedia(deps.db, mediaId, deps.clock.nowMs());
  if (media === undefined) throw notFound('There is no such media, or it has expired');
  if (media.userNid !== userNid) throw forbidden('Only who created this media may upload its content');
  if (media.kind === 'stored') throw overwriting();
}

function overwriting(): MatrixError {
  return cannotOverwriteMedia('This media has its content already');
}

async function store(deps: Pick<UploadDeps, 'fileStore'>, upload: Upload): Promise<MediaContent> {
  const file = await deps.fileStore.write(upload.content);
  return { ...file, contentType: servedContentType(upload.contentType), uploadName: upload.name };
}

function newMediaId(random: Random): MediaId {
  const mediaId = parseMediaId(randomToken(random, 18));
  if (mediaId === undefined) throw new Error('a random token is no media id');
  return mediaId;
}
