import { invalidParam } from '../matrix/errors.ts';

const PATH = '/_matrix/push/v1/notify';

/**
 * The URL of a push gateway: HTTPS, and the path that the specification fixes. Where private addresses are allowed, a
 * gateway on this machine may be without TLS. Throws 400 M_INVALID_PARAM.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset
 */
export function parseGatewayUrl(text: string, options: { readonly allowPrivateIps: boolean }): URL {
  if (!URL.canParse(text)) throw invalidParam('data.url is no URL');
  const url = new URL(text);
  const isPlain = url.protocol === 'http:' && options.allowPrivateIps && isThisMachine(url.hostname);
  if (url.protocol !== 'https:' && !isPlain) throw invalidParam('data.url must be an HTTPS URL');
  if (url.pathname !== PATH) throw invalidParam(`data.url must have the path ${PATH}`);
  if (url.username !== '' || url.password !== '') throw invalidParam('data.url must not hold credentials');
  return url;
}

/** As {@link URL} writes hosts: IPv4 in its usual form, IPv6 in brackets. */
function isThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
