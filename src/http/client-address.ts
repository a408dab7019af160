import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';

/**
 * The address a request came from. Behind a trusted proxy that is the last one in X-Forwarded-For, which the proxy
 * itself wrote: those before it are whatever the client claimed.
 */
export function clientAddress(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? request.headers['x-forwarded-for'] : undefined;
  const lines = typeof forwarded === 'string' ? forwarded : forwarded?.join(',');
  const last = lines?.split(',').at(-1)?.trim() ?? '';
  return unmapped(isIP(last) === 0 ? (request.socket.remoteAddress ?? 'unknown') : last);
}

/** What anonymous requests are counted by: an IPv4 address, or the /64 that one IPv6 customer has to himself. */
export function addressBlock(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const [head = '', tail] = ip.split('::');
  const before = head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...after];
  const block = groups.slice(0, 4).map((group) => Number.parseInt(group || '0', 16).toString(16));
  return `${block.join(':')}::/64`;
}

function unmapped(ip: string): string {
  return /^::ffff:(?=[0-9.]+$)/i.test(ip) ? ip.slice('::ffff:'.length) : ip;
}
