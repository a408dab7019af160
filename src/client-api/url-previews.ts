import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { UrlPreviews } from '../media/url-previews.ts';
import { legacyMediaPaths } from './media-paths.ts';

export interface UrlPreviewEndpointDeps {
  readonly urlPreviewer: Pick<UrlPreviews, 'get'>;
}

/** `ts`, the time as of which a preview is wanted, is passed over: a newer one is always allowed. */
const previewQuery = z.object({
  url: z.string(),
  ts: z
    .string()
    .regex(/^[0-9]{1,15}$/, 'not a time in milliseconds')
    .optional(),
});

const rows = [
  { name: 'getUrlPreviewAuthed', path: '/_matrix/client/v1/media/preview_url', alsoAt: [] },
  {
    name: 'getUrlPreview',
    path: '/_matrix/media/v3/preview_url',
    alsoAt: legacyMediaPaths('/preview_url'),
  },
] as const;

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url */
export const urlPreviewsEndpoints: readonly Endpoint<UrlPreviewEndpointDeps>[] = rows.map((row) =>
  endpoint({
    ...row,
    method: 'GET',
    auth: 'user',
    rateLimit: 'search',
    query: previewQuery,
    handle: async ({ urlPreviewer }: UrlPreviewEndpointDeps, { query, requester }) => ({
      body: await urlPreviewer.get(requester.userNid, query.url),
    }),
  }),
);
