import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { JsonObject } from '../util/json.ts';

export interface RtcDeps {
  /** Base URL of a LiveKit authorisation service; undefined: calls have no focus here. */
  readonly livekitServiceUrl: string | undefined;
}

const getRtcTransports = endpoint({
  name: 'getRtcTransports',
  method: 'GET',
  path: '/_matrix/client/unstable/org.matrix.msc4143/rtc/transports',
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: (deps: RtcDeps) => ({ body: { rtc_transports: listRtcTransports(deps) } }),
});

/** MSC4143: what a MatrixRTC call can be carried by. Clients take an empty list for an answer, but not a 404. */
export const rtcTransportsEndpoints: readonly Endpoint<RtcDeps>[] = [getRtcTransports];

/** The transports of this server, the preferred one first. */
export function listRtcTransports(deps: RtcDeps): readonly JsonObject[] {
  const { livekitServiceUrl } = deps;
  return livekitServiceUrl === undefined ? [] : [{ type: 'livekit', livekit_service_url: livekitServiceUrl }];
}
