import { lookup as resolve } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from '../util/private-addresses.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';

/** How requests to gateways go out. */
export interface PostDeps {
  readonly clock: Clock;
  /** False: no address of this machine or a local network is ever connected to, whatever name leads there. */
  readonly allowPrivateIps: boolean;
}

/** What a gateway answered. */
export interface PostAnswer {
  readonly status: number;
  /** undefined when it is no JSON. */
  readonly json: unknown;
}

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Posts JSON, and follows no redirects. The host is resolved once, and the connection goes to an address that was
 * looked at: what a name leads to later does not matter. Throws when the address is not allowed, when nobody answers in
 * time or too much, and when `signal` says so.
 */
export async function postJson(
  deps: PostDeps,
  url: URL,
  body: JsonObject,
  signal: AbortSignal,
): Promise<PostAnswer> {
  const address = await findAddress(deps, url.hostname.replace(/^\[(.*)\]$/, '$1'));
  const text = JSON.stringify(body);
  using timeout = abortAfter(deps.clock, TIMEOUT_MS);
  const response = await send(url, text, address, AbortSignal.any([signal, timeout.signal]));
  return { status: response.statusCode ?? 0, json: parseJson(await readText(response)) };
}

interface Address {
  readonly address: string;
  readonly family: number;
}

async function findAddress(deps: PostDeps, host: string): Promise<Address> {
  const family = isIP(host);
  const addresses = family === 0 ? await resolve(host, { all: true }) : [{ address: host, family }];
  const allowed = addresses.find(({ address }) => deps.allowPrivateIps || isPublicAddress(address));
  if (allowed === undefined) throw new Error(`${host} is at no address that may be connected to`);
  return allowed;
}

function send(url: URL, text: string, to: Address, signal: AbortSignal): Promise<IncomingMessage> {
  const lookup: LookupFunction = (_host, options, callback) => {
    if (options.all === true) callback(null, [to]);
    else callback(null, to.address, to.family);
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) },
      // Without an agent a connection is made for this request, to this address.
      agent: false,
      lookup,
      signal,
    });
    request.on('error', reject);
    request.on('response', resolve);
    request.end(text);
  });
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

function abortAfter(clock: Clock, ms: number): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const timer = clock.schedule(clock.nowMs() + ms, () =>
    controller.abort(new Error(`no answer in ${ms} ms`)),
  );
  return { signal: controller.signal, [Symbol.dispose]: () => timer.cancel() };
}
