import { lookup as resolve } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Clock } from './clock.ts';
import { isPublicAddress } from './private-addresses.ts';

/** How requests go out to where users say. */
export interface OutboundDeps {
  readonly clock: Clock;
  /** False: no address of this machine or a local network is ever connected to, whatever name leads there. */
  readonly allowPrivateIps: boolean;
}

export interface OutboundRequest {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: string;
}

/**
 * Sends a request and gives the response once its headers are there; redirects are not followed. The host is resolved
 * once, and the connection goes to an address that was looked at: what a name leads to later does not matter. Throws when
 * no address is allowed, when the connection fails, and when `signal` says so.
 */
export async function sendOutbound(
  deps: Pick<OutboundDeps, 'allowPrivateIps'>,
  url: URL,
  request: OutboundRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const address = await findAddress(deps, url.hostname.replace(/^\[(.*)\]$/, '$1'));
  signal.throwIfAborted();
  return send(url, request, address, signal);
}

/** A signal that is aborted after so many milliseconds, unless it is disposed of before. */
export function abortAfter(clock: Clock, ms: number): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const timer = clock.schedule(clock.nowMs() + ms, () =>
    controller.abort(new Error(`no answer in ${ms} ms`)),
  );
  return { signal: controller.signal, [Symbol.dispose]: () => timer.cancel() };
}

interface Address {
  readonly address: string;
  readonly family: number;
}

async function findAddress(deps: Pick<OutboundDeps, 'allowPrivateIps'>, host: string): Promise<Address> {
  const family = isIP(host);
  const addresses = family === 0 ? await resolve(host, { all: true }) : [{ address: host, family }];
  const allowed = addresses.find(({ address }) => deps.allowPrivateIps || isPublicAddress(address));
  if (allowed === undefined) throw new Error(`${host} is at no address that may be connected to`);
  return allowed;
}

function send(
  url: URL,
  { method, headers, body }: OutboundRequest,
  to: Address,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const lookup: LookupFunction = (_host, options, callback) => {
    if (options.all === true) callback(null, [to]);
    else callback(null, to.address, to.family);
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method,
      headers,
      // Without an agent a connection is made for this request, to this address.
      agent: false,
      lookup,
      signal,
    });
    request.on('error', reject);
    request.on('response', resolve);
    request.end(body);
  });
}
