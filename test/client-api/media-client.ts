import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { succeed, textAt, type TestReply, type TestServer, type TestUser } from '../support/server.ts';
import { checkedFetch } from '../support/spec-check.ts';

/** An answer whose body may be anything. */
export interface MediaReply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** The body as JSON; `{}` when it is none. */
  readonly json: JsonObject;
}

interface UploadOptions {
  readonly contentType?: string;
  readonly filename?: string;
  /** Where the bytes go, if not to a new media id: a path after `/upload`, with PUT. */
  readonly to?: string;
}

type Server = Pick<TestServer, 'baseUrl'>;

/** A GET whose answer is bytes. Without a user it carries no token. */
export async function fetchMedia(server: Server, path: string, user?: TestUser): Promise<MediaReply> {
  const headers: Record<string, string> =
    user === undefined ? {} : { authorization: `Bearer ${user.accessToken}` };
  return readReply(await checkedFetch(server.baseUrl + path, { headers }));
}

/** An upload, whatever comes of it. */
export async function tryUpload(
  server: Server,
  user: TestUser,
  bytes: Uint8Array,
  { contentType, filename, to }: UploadOptions = {},
): Promise<MediaReply> {
  const query = filename === undefined ? '' : `?filename=${encodeURIComponent(filename)}`;
  const url = `${server.baseUrl}/_matrix/media/v3/upload${to ?? ''}${query}`;
  const headers = {
    authorization: `Bearer ${user.accessToken}`,
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
  };
  return readReply(
    await checkedFetch(url, {
      method: to === undefined ? 'POST' : 'PUT',
      headers,
      body: new Uint8Array(bytes),
    }),
  );
}

/** Uploads; the answer is the part of the mxc:// URI after `mxc:/`: `/server/media`. */
export async function upload(...args: Parameters<typeof tryUpload>): Promise<string> {
  const reply = await tryUpload(...args);
  assert.equal(reply.status, 200, JSON.stringify(reply.json));
  return pathIn(reply.json);
}

/** Makes a URI in advance: `/server/media`. */
export async function create(server: Server, user: TestUser): Promise<string> {
  return pathIn(await succeed(server, 'POST', '/_matrix/media/v1/create', { token: user }));
}

/** An authenticated download. */
export function download(server: Server, user: TestUser, path: string, query = ''): Promise<MediaReply> {
  return fetchMedia(server, `/_matrix/client/v1/media/download${path}${query}`, user);
}

/** An authenticated thumbnail. */
export function thumbnail(server: Server, user: TestUser, path: string, query: string): Promise<MediaReply> {
  return fetchMedia(server, `/_matrix/client/v1/media/thumbnail${path}?${query}`, user);
}

/** The status and errcode of a refusal. */
export function refusalOf(reply: Pick<MediaReply, 'status' | 'json'> | TestReply): [number, unknown] {
  const body = 'body' in reply ? reply.body : reply.json;
  return [reply.status, body['errcode']];
}

async function readReply(response: Response): Promise<MediaReply> {
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes, json: parseJson(response, bytes) };
}

function parseJson(response: Response, bytes: Buffer): JsonObject {
  if (response.headers.get('content-type') !== 'application/json') return {};
  const value: unknown = JSON.parse(bytes.toString());
  return isJsonObject(value) ? value : {};
}

/** `/server/media` of an answer's mxc:// URI. */
export function pathIn(body: JsonObject): string {
  const uri = textAt(body, 'content_uri');
  assert.match(uri, /^mxc:\/\/localhost\/[A-Za-z0-9_-]+$/);
  return uri.slice('mxc:/'.length);
}
