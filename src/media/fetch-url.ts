import type { IncomingMessage } from 'node:http';
import { abortAfter, sendOutbound, type OutboundDeps } from '../util/outbound.ts';

/** What was found at a URL. */
export interface Fetched {
  /** Where redirects led. */
  readonly url: URL;
  /** In small letters, without parameters; empty when it was not said. */
  readonly mediaType: string;
  /** As it was said. */
  readonly contentType: string;
  readonly bytes: Buffer;
}

export interface FetchLimits {
  /** Media types that are worth reading; of others no byte is read, and `bytes` is empty. */
  readonly accepts: (mediaType: string) => boolean;
  readonly maxBytes: number;
  /** What becomes of a longer answer: only its beginning is read, or it is a failure. */
  readonly whenLonger: 'cut' | 'fail';
}

const TIMEOUT_MS = 10_000;
const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Gets what is at an http or https URL, by way of a few redirects at most, each of which goes to an allowed address. Throws
 * for other URLs, for every status but 200, and when it takes too long or is too much.
 */
export async function fetchUrl(deps: OutboundDeps, url: URL, limits: FetchLimits): Promise<Fetched> {
  using timeout = abortAfter(deps.clock, TIMEOUT_MS);
  let target = url;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    const response = await get(deps, target, timeout.signal);
    const next = redirectOf(response, target);
    if (next === undefined) return await read(response, target, limits);
    response.destroy();
    target = next;
  }
  throw new Error('the URL redirects too often');
}

function get(deps: OutboundDeps, url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Error(`${url.protocol} is no protocol of the web`);
  if (url.username !== '' || url.password !== '') throw new Error('the URL holds credentials');
  const headers = {
    'User-Agent': 'Morrow (URL preview; a Matrix homeserver)',
    Accept: 'text/html, application/xhtml+xml, image/*;q=0.9',
    'Accept-Encoding': 'identity',
  };
  return sendOutbound(deps, url, { method: 'GET', headers }, signal);
}

function redirectOf(response: IncomingMessage, url: URL): URL | undefined {
  const { location } = response.headers;
  if (location === undefined || !REDIRECTS.has(response.statusCode ?? 0)) return undefined;
  if (!URL.canParse(location, url.href)) throw new Error('the URL redirects to what is none');
  return new URL(location, url);
}

async function read(response: IncomingMessage, url: URL, limits: FetchLimits): Promise<Fetched> {
  const contentType = response.headers['content-type'] ?? '';
  const mediaType = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  try {
    if (response.statusCode !== 200) throw new Error(`the answer is ${response.statusCode}`);
    if ((response.headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new Error('the answer is compressed, which was not asked for');
    const bytes = limits.accepts(mediaType) ? await readBytes(response, limits) : Buffer.alloc(0);
    return { url, mediaType, contentType, bytes };
  } finally {
    response.destroy();
  }
}

async function readBytes(response: IncomingMessage, { maxBytes, whenLonger }: FetchLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) throw new Error('a response without an encoding is read as bytes');
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes <= maxBytes) continue;
    if (whenLonger === 'fail') throw new Error('the answer is too long');
    break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}
