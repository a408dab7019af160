import { endpoint, type Endpoint } from '../http/endpoint.ts';

/**
 * The releases of the specification that clients may rely on. What is served of later ones is announced feature by
 * feature. The r0 releases had other paths, which are not served.
 */
const SPEC_VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((minor) => `v1.${minor}`);

export interface VersionsDeps {
  /** Which unstable features are served: whoever serves one says so here. */
  readonly unstableFeatures: Readonly<Record<string, boolean>>;
}

const getVersions = endpoint({
  name: 'getVersions',
  method: 'GET',
  path: '/_matrix/client/versions',
  auth: 'optional',
  rateLimit: 'read',
  handle: (deps: VersionsDeps) => ({
    body: { versions: SPEC_VERSIONS, unstable_features: deps.unstableFeatures },
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#api-versions */
export const versionsEndpoints: readonly Endpoint<VersionsDeps>[] = [getVersions];
