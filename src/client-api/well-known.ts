import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { notFound } from '../matrix/errors.ts';
import { listRtcTransports, type RtcDeps } from './rtc-transports.ts';

export interface WellKnownDeps extends RtcDeps {
  /** Where clients reach this server; undefined: discovery is somebody else's. */
  readonly publicBaseUrl: string | undefined;
}

const getWellKnown = endpoint({
  name: 'getWellknown',
  method: 'GET',
  path: '/.well-known/matrix/client',
  auth: 'none',
  rateLimit: 'read',
  handle: (deps: WellKnownDeps) => {
    if (deps.publicBaseUrl === undefined) throw notFound('No public base URL is configured');
    const transports = listRtcTransports(deps);
    return {
      body: {
        'm.homeserver': { base_url: deps.publicBaseUrl },
        ...(transports.length === 0 ? {} : { 'org.matrix.msc4143.rtc_foci': transports }),
      },
    };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#well-known-uris */
export const wellKnownEndpoints: readonly Endpoint<WellKnownDeps>[] = [getWellKnown];
