import type { SupportContact } from '../config/support-contacts.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { notFound } from '../matrix/errors.ts';
import type { JsonObject } from '../util/json.ts';
import { listRtcTransports, type RtcDeps } from './rtc-transports.ts';

export interface WellKnownDeps extends RtcDeps {
  /** Where clients reach this server; undefined: discovery is somebody else's. */
  readonly publicBaseUrl: string | undefined;
  /** Where users find help. */
  readonly support: { readonly contacts: readonly SupportContact[]; readonly page: string | undefined };
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

const getSupport = endpoint({
  name: 'getWellknownSupport',
  method: 'GET',
  path: '/.well-known/matrix/support',
  auth: 'none',
  rateLimit: 'read',
  handle: ({ support: { contacts, page } }: Pick<WellKnownDeps, 'support'>) => {
    if (contacts.length === 0 && page === undefined) throw notFound('No support contact is configured');
    return {
      body: {
        ...(contacts.length === 0 ? {} : { contacts: contacts.map(contactBody) }),
        ...(page === undefined ? {} : { support_page: page }),
      },
    };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#well-known-uris */
export const wellKnownEndpoints: readonly Endpoint<WellKnownDeps>[] = [getWellKnown, getSupport];

function contactBody(contact: SupportContact): JsonObject {
  return 'matrixId' in contact
    ? { role: contact.role, matrix_id: contact.matrixId }
    : { role: contact.role, email_address: contact.emailAddress };
}
