import { invalidParam, limitExceeded, previewFailed, unrecognized } from '../matrix/errors.ts';
import {
  deleteOldUrlPreviews,
  findUrlPreview,
  insertUrlPreview,
  type StoredPreview,
} from '../storage/url-previews.ts';
import type { JsonObject } from '../util/json.ts';
import type { Log } from '../util/log.ts';
import { makePreview, type MadePreview, type MakePreviewDeps } from './make-preview.ts';

export interface UrlPreviewDeps extends MakePreviewDeps {
  readonly log: Log;
  /** Whether URLs are looked at at all. */
  readonly urlPreviews: boolean;
}

const FRESH_MS = 3_600_000;
const FAILED_MS = 5 * 60_000;
/** Clients that got a preview while it was fresh still show its image. */
const KEPT_MS = 2 * 24 * 3_600_000;
const MOST_AT_ONCE = 20;
const RETRY_AFTER_MS = 5_000;
/** What an index of the database holds. */
const LONGEST_URL_BYTES = 2_000;

/** Previews of URLs: each is looked at once an hour at most, however many ask, and by one at a time in a process. */
export class UrlPreviews {
  readonly #deps: UrlPreviewDeps;
  readonly #underWay = new Map<string, Promise<StoredPreview>>();

  constructor(deps: UrlPreviewDeps) {
    this.#deps = deps;
  }

  /**
   * The preview of a URL, looked at now if need be. Throws 404 M_UNRECOGNIZED where previews are off, 400 M_INVALID_PARAM
   * for what is no http or https URL, 502 M_UNKNOWN for one that cannot be read, 429 M_LIMIT_EXCEEDED when too many are
   * being looked at.
   */
  async get(userNid: number, text: string): Promise<JsonObject> {
    const { db, clock, urlPreviews } = this.#deps;
    if (!urlPreviews) throw unrecognized('This server makes no previews of URLs.');
    const url = parsePreviewUrl(text);
    const preview = (await findUrlPreview(db, url.href, clock.nowMs())) ?? (await this.#look(userNid, url));
    if (preview.kind === 'failed') throw previewFailed('The URL cannot be read.');
    return preview.content;
  }

  #look(userNid: number, url: URL): Promise<StoredPreview> {
    const underWay = this.#underWay.get(url.href);
    if (underWay !== undefined) return underWay;
    if (this.#underWay.size >= MOST_AT_ONCE)
      throw limitExceeded('Too many URLs are being looked at', RETRY_AFTER_MS);
    const looking = this.#lookNow(userNid, url).finally(() => this.#underWay.delete(url.href));
    this.#underWay.set(url.href, looking);
    return looking;
  }

  async #lookNow(userNid: number, url: URL): Promise<StoredPreview> {
    const { db, clock } = this.#deps;
    const made = await this.#tryToMake(userNid, url);
    const outcome: StoredPreview =
      made === undefined ? { kind: 'failed' } : { kind: 'preview', content: made.content };
    const expiresTs = clock.nowMs() + (made === undefined ? FAILED_MS : FRESH_MS);
    await insertUrlPreview(db, url.href, { outcome, mediaId: made?.mediaId, expiresTs });
    return outcome;
  }

  async #tryToMake(userNid: number, url: URL): Promise<MadePreview | undefined> {
    try {
      return await makePreview(this.#deps, userNid, url);
    } catch (error) {
      // Why is for the operator: a client could find out by it what this server reaches.
      this.#deps.log.info({ err: error, host: url.host }, 'a URL cannot be previewed');
      return undefined;
    }
  }
}

/** Forgets what nobody shows any more; for now and then, in any process. */
export async function sweepUrlPreviews(
  deps: Pick<UrlPreviewDeps, 'db' | 'clock' | 'fileStore'>,
): Promise<void> {
  const fileNames = await deleteOldUrlPreviews(deps.db, deps.clock.nowMs() - KEPT_MS);
  for (const fileName of fileNames) await deps.fileStore.remove(fileName);
}

/** Two that differ behind `#` are one page. */
function parsePreviewUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw invalidParam('url must be an http or https URL');
  url.hash = '';
  if (Buffer.byteLength(url.href) > LONGEST_URL_BYTES) throw invalidParam('url is too long');
  return url;
}
