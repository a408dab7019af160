import { sql } from 'kysely';
import type { MediaId } from '../matrix/identifiers.ts';
import { inTransaction, type Db, type Tx } from './database.ts';

export interface MediaTable {
  readonly media_id: MediaId;
  readonly user_nid: number;
  readonly created_ts: number;
  readonly unused_expires_ts: number | null;
  readonly file_name: string | null;
  readonly byte_count: number | null;
  readonly content_type: string | null;
  readonly upload_name: string | null;
}

export interface MediaThumbnailTable {
  readonly media_id: MediaId;
  readonly width: number;
  readonly height: number;
  readonly method: ThumbnailMethod;
  readonly animated: boolean;
  readonly file_name: string;
  readonly byte_count: number;
  readonly content_type: string;
}

export interface MediaTables {
  media: MediaTable;
  media_thumbnails: MediaThumbnailTable;
}

export type ThumbnailMethod = 'crop' | 'scale';

/** A file in the file store, and as what it is served. */
export interface MediaFile {
  readonly fileName: string;
  readonly byteCount: number;
  readonly contentType: string;
}

/** The content of a media id. */
export interface MediaContent extends MediaFile {
  /** The name that the uploader gave it. */
  readonly uploadName: string | undefined;
}

/**
 * A media id, and whether its content is there:
 *
 *     awaited ──content──► stored (never changes again)
 *        └────expired────► gone, as if it had never been
 */
export type Media =
  | { readonly kind: 'stored'; readonly userNid: number; readonly content: MediaContent }
  | { readonly kind: 'awaited'; readonly userNid: number; readonly unusedExpiresTs: number };

/** What a thumbnail was asked for by; sizes in pixels. */
export interface ThumbnailWish {
  readonly width: number;
  readonly height: number;
  readonly method: ThumbnailMethod;
  readonly animated: boolean;
}

interface NewMedia {
  readonly mediaId: MediaId;
  readonly userNid: number;
  /** Milliseconds since the epoch. */
  readonly createdTs: number;
}

/** Writes a media id whose content is there. */
export async function insertMedia(db: Db, media: NewMedia, content: MediaContent): Promise<void> {
  await db
    .insertInto('media')
    .values({
      media_id: media.mediaId,
      user_nid: media.userNid,
      created_ts: media.createdTs,
      unused_expires_ts: null,
      ...columnsOf(content),
    })
    .execute();
}

/**
 * Writes a media id whose content may come until `unusedExpiresTs`, unless the user has `mostAwaited` of them: then
 * the answer says when the first of those expires.
 */
export async function insertAwaitedMedia(
  db: Db,
  media: NewMedia & { readonly unusedExpiresTs: number },
  mostAwaited: number,
): Promise<{ readonly kind: 'created' } | { readonly kind: 'too many'; readonly nextExpiryTs: number }> {
  return inTransaction(db, async (tx) => {
    // One at a time for each user, or several that come together would all find room.
    await sql`select 1 from accounts where user_nid = ${media.userNid} for no key update`.execute(tx);
    const awaited = await tx
      .selectFrom('media')
      .select(({ fn }) => [fn.countAll<number>().as('count'), fn.min('unused_expires_ts').as('next')])
      .where('user_nid', '=', media.userNid)
      .where('file_name', 'is', null)
      .where('unused_expires_ts', '>', media.createdTs)
      .executeTakeFirstOrThrow();
    if (awaited.count >= mostAwaited)
      return { kind: 'too many', nextExpiryTs: awaited.next ?? media.createdTs };
    await tx
      .insertInto('media')
      .values({
        media_id: media.mediaId,
        user_nid: media.userNid,
        created_ts: media.createdTs,
        unused_expires_ts: media.unusedExpiresTs,
      })
      .execute();
    return { kind: 'created' };
  });
}

/** Gives an awaited media id its content; false when it has some already, has expired, or is not there. */
export async function fillMedia(
  db: Db,
  mediaId: MediaId,
  content: MediaContent,
  nowTs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('media')
    .set(columnsOf(content))
    .where('media_id', '=', mediaId)
    .where('file_name', 'is', null)
    .where('unused_expires_ts', '>', nowTs)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** The media of an id; undefined when there is none, or none any more. */
export async function findMedia(db: Db, mediaId: MediaId, nowTs: number): Promise<Media | undefined> {
  const row = await db.selectFrom('media').selectAll().where('media_id', '=', mediaId).executeTakeFirst();
  if (row === undefined) return undefined;
  const userNid = row.user_nid;
  const content = contentIn(row);
  if (content !== undefined) return { kind: 'stored', userNid, content };
  const unusedExpiresTs = row.unused_expires_ts ?? 0;
  return unusedExpiresTs > nowTs ? { kind: 'awaited', userNid, unusedExpiresTs } : undefined;
}

/** Forgets created ids whose content did not come in time. */
export async function deleteExpiredMedia(db: Db, nowTs: number): Promise<void> {
  await db
    .deleteFrom('media')
    .where('file_name', 'is', null)
    .where('unused_expires_ts', '<=', nowTs)
    .execute();
}

/** Forgets media and their thumbnails; the answer names the files that nothing needs any more. */
export async function deleteMedia(tx: Tx, mediaIds: readonly MediaId[]): Promise<readonly string[]> {
  const { rows } = await sql<{ file_name: string }>`
    with thumbnails as (
      delete from media_thumbnails where media_id = any(${mediaIds}::text[]) returning file_name
    ), gone as (
      delete from media where media_id = any(${mediaIds}::text[]) returning file_name
    )
    select file_name from thumbnails union all select file_name from gone where file_name is not null`.execute(
    tx,
  );
  return rows.map((row) => row.file_name);
}

/** The thumbnail that was made for the same wish before. */
export async function findThumbnail(
  db: Db,
  mediaId: MediaId,
  wish: ThumbnailWish,
): Promise<MediaFile | undefined> {
  const row = await db
    .selectFrom('media_thumbnails')
    .select(['file_name', 'byte_count', 'content_type'])
    .where('media_id', '=', mediaId)
    .where('width', '=', wish.width)
    .where('height', '=', wish.height)
    .where('method', '=', wish.method)
    .where('animated', '=', wish.animated)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { fileName: row.file_name, byteCount: row.byte_count, contentType: row.content_type };
}

/** True while fewer than `most` thumbnails of the media are kept. */
export async function hasRoomForThumbnail(db: Db, mediaId: MediaId, most: number): Promise<boolean> {
  const { count } = await db
    .selectFrom('media_thumbnails')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('media_id', '=', mediaId)
    .executeTakeFirstOrThrow();
  return count < most;
}

/** Remembers a thumbnail; false when there is one for the same wish, which stays, or the media is gone. */
export async function insertThumbnail(
  db: Db,
  mediaId: MediaId,
  wish: ThumbnailWish,
  file: MediaFile,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into media_thumbnails
      (media_id, width, height, method, animated, file_name, byte_count, content_type)
    select media_id, ${wish.width}, ${wish.height}, ${wish.method}, ${wish.animated},
      ${file.fileName}, ${file.byteCount}, ${file.contentType}
    from media where media_id = ${mediaId}
    on conflict do nothing`.execute(db);
  return (numAffectedRows ?? 0n) > 0n;
}

type ContentColumns = 'file_name' | 'byte_count' | 'content_type' | 'upload_name';

function columnsOf(content: MediaContent): Pick<MediaTable, ContentColumns> {
  return {
    file_name: content.fileName,
    byte_count: content.byteCount,
    content_type: content.contentType,
    upload_name: content.uploadName ?? null,
  };
}

function contentIn(row: Pick<MediaTable, ContentColumns>): MediaContent | undefined {
  const { file_name: fileName, byte_count: byteCount, content_type: contentType } = row;
  if (fileName === null || byteCount === null || contentType === null) return undefined;
  return { fileName, byteCount, contentType, uploadName: row.upload_name ?? undefined };
}
