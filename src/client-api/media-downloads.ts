import { z } from 'zod';
import { endpoint, type Endpoint, type Live, type StreamReply } from '../http/endpoint.ts';
import { contentDisposition } from '../media/content-disposition.ts';
import { findContent, type MediaAddress, type Patience } from '../media/find-content.ts';
import { getThumbnail, type ThumbnailDeps } from '../media/thumbnails.ts';
import { legacyMediaPaths } from './media-paths.ts';

/** What is asked with any download; where `allow_remote` and `allow_redirect` stand there is nothing to allow. */
const patienceShape = {
  timeout_ms: z
    .string()
    .regex(/^[0-9]{1,15}$/, 'expected a whole number of milliseconds')
    .default('20000')
    .transform(Number),
};
const downloadQuery = z.object(patienceShape);
const pixels = z
  .string()
  .regex(/^0*[1-9][0-9]{0,8}$/, 'expected a whole number of pixels, at least 1')
  .transform(Number);
const thumbnailQuery = z.object({
  ...patienceShape,
  width: pixels,
  height: pixels,
  method: z.enum(['crop', 'scale']).default('scale'),
  animated: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
});

/** Whether caches between server and client may keep the answer: only where no token was needed to get it. */
type Sharing = 'private' | 'public';

/** As the specification recommends them for all media; the content of an mxc:// URI never changes. */
function mediaHeaders(sharing: Sharing): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy':
      "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';",
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'Cache-Control': `${sharing}, max-age=86400, immutable`,
  };
}

interface DownloadCall {
  readonly params: MediaAddress & { readonly fileName?: string };
  readonly query: z.output<typeof downloadQuery>;
  readonly live: Live;
}

async function download(deps: ThumbnailDeps, call: DownloadCall, sharing: Sharing): Promise<StreamReply> {
  const content = await findContent(deps, call.params, patienceOf(call));
  return {
    headers: {
      ...mediaHeaders(sharing),
      'Content-Type': content.contentType,
      'Content-Length': String(content.byteCount),
      'Content-Disposition': contentDisposition(
        content.contentType,
        call.params.fileName ?? content.uploadName,
      ),
    },
    stream: await deps.fileStore.read(content.fileName),
  };
}

interface ThumbnailCall {
  readonly params: MediaAddress;
  readonly query: z.output<typeof thumbnailQuery>;
  readonly live: Live;
}

async function thumbnail(deps: ThumbnailDeps, call: ThumbnailCall, sharing: Sharing): Promise<StreamReply> {
  const { width, height, method, animated } = call.query;
  const wish = { width, height, method, animated };
  const { contentType, byteCount, content } = await getThumbnail(deps, call.params, wish, patienceOf(call));
  return {
    headers: {
      ...mediaHeaders(sharing),
      'Content-Type': contentType,
      'Content-Length': String(byteCount),
      'Content-Disposition': contentDisposition(
        contentType,
        `thumbnail.${contentType.replace('image/', '')}`,
      ),
    },
    stream: content,
  };
}

function patienceOf(call: Pick<DownloadCall, 'query' | 'live'>): Patience {
  return { timeoutMs: call.query.timeout_ms, signal: call.live.signal };
}

const getContentAuthed = endpoint({
  name: 'getContentAuthed',
  method: 'GET',
  path: '/_matrix/client/v1/media/download/{serverName}/{mediaId}',
  auth: 'guest-ok',
  rateLimit: 'read',
  query: downloadQuery,
  handle: (deps: ThumbnailDeps, call) => download(deps, call, 'private'),
});

const getContentOverrideNameAuthed = endpoint({
  name: 'getContentOverrideNameAuthed',
  method: 'GET',
  path: '/_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}',
  auth: 'guest-ok',
  rateLimit: 'read',
  query: downloadQuery,
  handle: (deps: ThumbnailDeps, call) => download(deps, call, 'private'),
});

const getContentThumbnailAuthed = endpoint({
  name: 'getContentThumbnailAuthed',
  method: 'GET',
  path: '/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}',
  auth: 'guest-ok',
  rateLimit: 'read',
  query: thumbnailQuery,
  handle: (deps: ThumbnailDeps, call) => thumbnail(deps, call, 'private'),
});

const getContent = endpoint({
  name: 'getContent',
  method: 'GET',
  path: '/_matrix/media/v3/download/{serverName}/{mediaId}',
  alsoAt: legacyMediaPaths('/download/{serverName}/{mediaId}'),
  auth: 'none',
  rateLimit: 'read',
  query: downloadQuery,
  handle: (deps: ThumbnailDeps, call) => download(deps, call, 'public'),
});

const getContentOverrideName = endpoint({
  name: 'getContentOverrideName',
  method: 'GET',
  path: '/_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}',
  alsoAt: legacyMediaPaths('/download/{serverName}/{mediaId}/{fileName}'),
  auth: 'none',
  rateLimit: 'read',
  query: downloadQuery,
  handle: (deps: ThumbnailDeps, call) => download(deps, call, 'public'),
});

const getContentThumbnail = endpoint({
  name: 'getContentThumbnail',
  method: 'GET',
  path: '/_matrix/media/v3/thumbnail/{serverName}/{mediaId}',
  alsoAt: legacyMediaPaths('/thumbnail/{serverName}/{mediaId}'),
  auth: 'none',
  rateLimit: 'read',
  query: thumbnailQuery,
  handle: (deps: ThumbnailDeps, call) => thumbnail(deps, call, 'public'),
});

/** https://spec.matrix.org/v1.19/client-server-api/#content-repository */
export const mediaDownloadsEndpoints: readonly Endpoint<ThumbnailDeps>[] = [
  getContentAuthed,
  getContentOverrideNameAuthed,
  getContentThumbnailAuthed,
  getContent,
  getContentOverrideName,
  getContentThumbnail,
];
