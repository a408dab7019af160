import type { IncomingMessage } from 'node:http';
import type { JsonObject } from '../util/json.ts';
import { abortAfter, sendOutbound, type OutboundDeps } from '../util/outbound.ts';

/** How requests to gateways go out. */
export type PostDeps = OutboundDeps;

/** What a gateway answered. */
export interface PostAnswer {
  readonly status: number;
  /** undefined when it is no JSON. */
  readonly json: unknown;
}

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Posts JSON, and follows no redirects. Throws when the address is not allowed, when nobody answers in time or too much,
 * and when `signal` says so.
 */
export async function postJson(
  deps: PostDeps,
  url: URL,
  body: JsonObject,
  signal: AbortSignal,
): Promise<PostAnswer> {
  const text = JSON.stringify(body);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
  using timeout = abortAfter(deps.clock, TIMEOUT_MS);
  const ended = AbortSignal.any([signal, timeout.signal]);
  const response = await sendOutbound(deps, url, { method: 'POST', headers, body: text }, ended);
  return { status: response.statusCode ?? 0, json: parseJson(await readText(response)) };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) throw new Error('a response without an encoding is read as bytes');
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
