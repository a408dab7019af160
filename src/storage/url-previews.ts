import { sql } from 'kysely';
import type { MediaId } from '../matrix/identifiers.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { inTransaction, type Db } from './database.ts';
import { deleteMedia } from './media.ts';

export interface UrlPreviewTable {
  readonly url: string;
  readonly expires_ts: number;
  readonly preview: string | null;
  readonly media_id: MediaId | null;
}

export interface UrlPreviewTables {
  url_previews: UrlPreviewTable;
}

/** What became of looking at a URL. */
export type StoredPreview =
  | { readonly kind: 'preview'; readonly content: JsonObject }
  | { readonly kind: 'failed' };

/** The newest preview of a URL that has not expired. */
export async function findUrlPreview(db: Db, url: string, nowTs: number): Promise<StoredPreview | undefined> {
  const { rows } = await sql<Pick<UrlPreviewTable, 'preview'>>`
    select preview from url_previews where url = ${url} and expires_ts > ${nowTs}
    order by expires_ts desc limit 1`.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  const content: unknown = row.preview === null ? undefined : JSON.parse(row.preview);
  return isJsonObject(content) ? { kind: 'preview', content } : { kind: 'failed' };
}

/** Remembers what became of looking at a URL until `expiresTs` (milliseconds since the epoch). */
export async function insertUrlPreview(
  db: Db,
  url: string,
  made: {
    readonly outcome: StoredPreview;
    readonly mediaId: MediaId | undefined;
    readonly expiresTs: number;
  },
): Promise<void> {
  const preview = made.outcome.kind === 'preview' ? JSON.stringify(made.outcome.content) : null;
  await sql`
    insert into url_previews (url, expires_ts, preview, media_id)
    values (${url}, ${made.expiresTs}, ${preview}, ${made.mediaId ?? null})
    on conflict do nothing`.execute(db);
}

/** Forgets previews that expired before `beforeTs`, and their images: the answer names files that nothing needs. */
export async function deleteOldUrlPreviews(db: Db, beforeTs: number): Promise<readonly string[]> {
  return inTransaction(db, async (tx) => {
    const { rows } = await sql<{ media_id: MediaId | null }>`
      delete from url_previews where expires_ts < ${beforeTs} returning media_id`.execute(tx);
    return deleteMedia(
      tx,
      rows.flatMap((row) => row.media_id ?? []),
    );
  });
}
