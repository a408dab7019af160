import type { JsonValue } from '../util/json.ts';
import { encodeCanonicalJson, LENIENT_JSON } from './canonical-json.ts';
import type { ServerName } from './identifiers.ts';
import { parseServerName } from './identifiers.ts';
import type { SigningKey, VerifyKey } from './signing-key.ts';
import { signText, verifySignedJson } from './signing.ts';

/** What a server-to-server request is signed over. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as sent, still percent-encoded. */
  readonly uri: string;
  readonly origin: ServerName;
  /** The server name asked for, before delegation. */
  readonly destination: ServerName;
  /** undefined when the request has no body. */
  readonly content?: JsonValue | undefined;
}

/** The parameters of an Authorization header of scheme X-Matrix. */
export interface XMatrixCredentials {
  readonly origin: ServerName;
  /** Servers before Matrix 1.3 do not name it. */
  readonly destination: ServerName | undefined;
  readonly keyId: string;
  readonly signature: string;
}

const SCHEME = /^X-Matrix(?:[ \t]+|$)/i;
/** The pieces of one parameter, each matched where the last one ended, so that reading is linear in the header's length. */
const SEPARATOR = /[ \t]*(?:,[ \t,]*|$)/y;
const NAME = /([^\s=,"]+)[ \t]*=[ \t]*/y;
/** Bare values may hold what a token may not, such as colons: old servers send them. */
const VALUE = /"((?:[^"\\]|\\.)*)"|([^\s,"]*)/y;

/**
 * The credentials of an Authorization header; undefined when it is of another scheme or lacks one. Names are read in
 * any case, unknown ones are passed over. https://spec.matrix.org/v1.19/server-server-api/#request-authentication
 */
export function parseXMatrix(header: string): XMatrixCredentials | undefined {
  const parameters = parseXMatrixParameters(header);
  const origin = parseServerName(parameters?.get('origin'));
  const keyId = parameters?.get('key');
  const signature = parameters?.get('sig');
  if (origin === undefined || keyId === undefined || signature === undefined) return undefined;
  const named = parameters?.get('destination');
  const destination = parseServerName(named);
  // A destination that is no server name cannot be ours.
  if (named !== undefined && destination === undefined) return undefined;
  return { origin, destination, keyId, signature };
}

/** The Authorization header of a request, signed by its origin. Throws CanonicalJsonError for content that is not JSON. */
export function formatXMatrix(request: SignedRequest, key: SigningKey): string {
  const signature = signText(encodeCanonicalJson(toSignedObject(request), LENIENT_JSON), key);
  const { origin, destination } = request;
  return `X-Matrix origin="${origin}",destination="${destination}",key="${key.keyId}",sig="${signature}"`;
}

/** True when the credentials' signature by this key covers the request. Whether the key is valid now is not asked here. */
export function verifyXMatrix(
  request: SignedRequest,
  credentials: XMatrixCredentials,
  publicKey: string | VerifyKey,
): boolean {
  const { origin, keyId, signature } = credentials;
  const object = { ...toSignedObject(request), signatures: { [origin]: { [keyId]: signature } } };
  return request.origin === origin && verifySignedJson(object, origin, keyId, publicKey);
}

/** The header's parameters by lower-case name; undefined when it is of another scheme or malformed. */
function parseXMatrixParameters(header: string): ReadonlyMap<string, string> | undefined {
  const scheme = SCHEME.exec(header);
  if (scheme === null) return undefined;
  const parameters = new Map<string, string>();
  let at = matchAt(SEPARATOR, header, scheme[0].length)?.end ?? scheme[0].length;
  while (at < header.length) {
    const name = matchAt(NAME, header, at);
    const value = name && matchAt(VALUE, header, name.end);
    const separator = value && matchAt(SEPARATOR, header, value.end);
    if (!name || !value || !separator) return undefined;
    const [quoted, bare] = value.groups;
    parameters.set((name.groups[0] ?? '').toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
    at = separator.end;
  }
  return parameters;
}

interface Piece {
  readonly groups: readonly (string | undefined)[];
  readonly end: number;
}

function matchAt(sticky: RegExp, text: string, at: number): Piece | undefined {
  sticky.lastIndex = at;
  const match = sticky.exec(text);
  return match === null ? undefined : { groups: match.slice(1), end: at + match[0].length };
}

function toSignedObject(request: SignedRequest): Readonly<Record<string, JsonValue>> {
  const { method, uri, origin, destination, content } = request;
  return content === undefined
    ? { method, uri, origin, destination }
    : { method, uri, origin, destination, content };
}
