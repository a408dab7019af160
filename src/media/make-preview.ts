import { Readable } from 'node:stream';
import { formatMxcUri, type MediaId } from '../matrix/identifiers.ts';
import type { JsonObject } from '../util/json.ts';
import type { OutboundDeps } from '../util/outbound.ts';
import { decodeHtml } from './decode-html.ts';
import { fetchUrl, type Fetched } from './fetch-url.ts';
import { readPageFacts, type PageFacts } from './page-facts.ts';
import { describeImage } from './render-thumbnail.ts';
import { uploadMedia, type UploadDeps } from './upload.ts';

export interface MakePreviewDeps extends UploadDeps, OutboundDeps {
  readonly maxUploadBytes: number;
}

/** A preview as clients get it, and the image that was stored for it. */
export interface MadePreview {
  readonly content: JsonObject;
  readonly mediaId: MediaId | undefined;
}

/** What pages say about themselves stands at their beginning. */
const PAGE_BYTES = 1024 * 1024;
const MOST_IMAGE_BYTES = 10 * 1024 * 1024;
const PAGES: ReadonlySet<string> = new Set(['text/html', 'application/xhtml+xml']);

/**
 * Looks at a URL: what a page says about itself, with its image stored here, or the image that the URL is. Empty for
 * everything else. Images are stored in the name of `userNid`. Throws when the URL cannot be read; an image that cannot be
 * is left out. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url
 */
export async function makePreview(deps: MakePreviewDeps, userNid: number, url: URL): Promise<MadePreview> {
  // One byte more tells an image that is too large.
  const maxBytes = Math.max(PAGE_BYTES, maxImageBytes(deps) + 1);
  const found = await fetchUrl(deps, url, {
    accepts: (mediaType) => PAGES.has(mediaType) || isImage(mediaType),
    maxBytes,
    whenLonger: 'cut',
  });
  if (isImage(found.mediaType))
    return withImage(deps, userNid, {}, found.bytes.length <= maxImageBytes(deps) ? found : undefined);
  if (!PAGES.has(found.mediaType)) return { content: {}, mediaId: undefined };
  const html = decodeHtml(found.bytes.subarray(0, PAGE_BYTES), found.contentType);
  const facts = readPageFacts(html, found.url);
  return withImage(deps, userNid, ownWords(facts), await findImage(deps, facts.imageUrl));
}

function isImage(mediaType: string): boolean {
  return mediaType.startsWith('image/');
}

function maxImageBytes(deps: Pick<MakePreviewDeps, 'maxUploadBytes'>): number {
  return Math.min(MOST_IMAGE_BYTES, deps.maxUploadBytes);
}

/** All but where the page says that its image is, and what it says of that: clients are to ask this server alone for it. */
function ownWords({ properties }: PageFacts): JsonObject {
  return Object.fromEntries([...properties].filter(([name]) => !/^og:image(?::|$)/.test(name)));
}

async function findImage(deps: MakePreviewDeps, url: URL | undefined): Promise<Fetched | undefined> {
  if (url === undefined) return undefined;
  try {
    const limits = { accepts: isImage, maxBytes: maxImageBytes(deps), whenLonger: 'fail' } as const;
    return await fetchUrl(deps, url, limits);
  } catch {
    // A preview without its image is still one.
    return undefined;
  }
}

async function withImage(
  deps: MakePreviewDeps,
  userNid: number,
  content: JsonObject,
  image: Fetched | undefined,
): Promise<MadePreview> {
  const described = image && (await describeImage(image.bytes));
  if (image === undefined || described === undefined) return { content, mediaId: undefined };
  const { width, height, contentType } = described;
  const uri = await uploadMedia(deps, userNid, {
    content: Readable.from([image.bytes]),
    contentType,
    name: undefined,
  });
  return {
    content: {
      ...content,
      'og:image': formatMxcUri(uri),
      'og:image:type': contentType,
      'og:image:width': width,
      'og:image:height': height,
      'matrix:image:size': image.bytes.length,
    },
    mediaId: uri.mediaId,
  };
}
