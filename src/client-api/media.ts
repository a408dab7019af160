import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { rawBody, type RawBody } from '../http/raw-body.ts';
import { formatMxcUri } from '../matrix/identifiers.ts';
import {
  createMedia,
  uploadCreatedMedia,
  uploadMedia,
  type Upload,
  type UploadDeps,
} from '../media/upload.ts';
import { legacyMediaPaths } from './media-paths.ts';

export interface MediaDeps extends UploadDeps {
  readonly maxUploadBytes: number;
}

/** As long as file names may be where files are saved. */
const MAX_NAME_LENGTH = 255;
const uploadQuery = z.object({
  filename: z
    .string()
    .max(MAX_NAME_LENGTH)
    .refine((name) => !name.includes('\0'), 'contains NUL')
    .optional(),
});

const uploadContent = endpoint({
  name: 'uploadContent',
  method: 'POST',
  path: '/_matrix/media/v3/upload',
  alsoAt: legacyMediaPaths('/upload'),
  auth: 'user',
  rateLimit: 'write',
  body: rawBody,
  query: uploadQuery,
  handle: async (deps: MediaDeps, { body, query, requester }) => {
    const uri = await uploadMedia(deps, requester.userNid, uploadOf(deps, body, query.filename));
    return { body: { content_uri: formatMxcUri(uri) } };
  },
});

const createContent = endpoint({
  name: 'createContent',
  method: 'POST',
  path: '/_matrix/media/v1/create',
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: MediaDeps, { requester }) => {
    const { uri, unusedExpiresTs } = await createMedia(deps, requester.userNid);
    return { body: { content_uri: formatMxcUri(uri), unused_expires_at: unusedExpiresTs } };
  },
});

const uploadContentToMxc = endpoint({
  name: 'uploadContentToMXC',
  method: 'PUT',
  path: '/_matrix/media/v3/upload/{serverName}/{mediaId}',
  auth: 'user',
  rateLimit: 'write',
  body: rawBody,
  query: uploadQuery,
  handle: async (deps: MediaDeps, { params, body, query, requester }) => {
    await uploadCreatedMedia(deps, requester.userNid, params, uploadOf(deps, body, query.filename));
    return { body: {} };
  },
});

const getConfigAuthed = endpoint({
  name: 'getConfigAuthed',
  method: 'GET',
  path: '/_matrix/client/v1/media/config',
  auth: 'user',
  rateLimit: 'read',
  handle: (deps: MediaDeps) => ({ body: { 'm.upload.size': deps.maxUploadBytes } }),
});

const getConfig = endpoint({
  name: 'getConfig',
  method: 'GET',
  path: '/_matrix/media/v3/config',
  alsoAt: legacyMediaPaths('/config'),
  auth: 'user',
  rateLimit: 'read',
  handle: (deps: MediaDeps) => ({ body: { 'm.upload.size': deps.maxUploadBytes } }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#content-repository */
export const mediaEndpoints: readonly Endpoint<MediaDeps>[] = [
  uploadContent,
  createContent,
  uploadContentToMxc,
  getConfigAuthed,
  getConfig,
];

function uploadOf(
  deps: Pick<MediaDeps, 'maxUploadBytes'>,
  body: RawBody,
  filename: string | undefined,
): Upload {
  return {
    content: body.read(deps.maxUploadBytes),
    contentType: body.contentType,
    name: filename === '' ? undefined : filename,
  };
}
