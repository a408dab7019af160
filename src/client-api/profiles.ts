import {
  getProfile,
  getProfileField,
  isShownInRooms,
  removeProfileField,
  setProfileField,
  type ProfileDeps,
} from '../accounts/profiles.ts';
import { endpoint, type Endpoint, type Requester } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { missingParam } from '../matrix/errors.ts';
import { spreadProfile, type SpreadProfileDeps } from '../rooms/spread-profile.ts';
import type { Db } from '../storage/database.ts';
import { oldPath } from './room-fields.ts';

export type ProfilesDeps = ProfileDeps & SpreadProfileDeps;

const PROFILE = '/_matrix/client/v3/profile/{userId}';
const FIELD = '/_matrix/client/v3/profile/{userId}/{keyName}';
/** MSC4133, as clients spell it that have not heard of its acceptance. */
const UNSTABLE = '/_matrix/client/unstable/uk.tcpip.msc4133/profile/{userId}';
const fieldPaths = [oldPath(FIELD), `${UNSTABLE}/{keyName}`];

const getUserProfile = endpoint({
  name: 'getUserProfile',
  method: 'GET',
  path: PROFILE,
  alsoAt: [oldPath(PROFILE), UNSTABLE],
  auth: 'none',
  rateLimit: 'read',
  handle: async (deps: { readonly db: Db }, { params }) => ({ body: await getProfile(deps, params.userId) }),
});

const getProfileFieldEndpoint = endpoint({
  name: 'getProfileField',
  method: 'GET',
  path: FIELD,
  alsoAt: fieldPaths,
  auth: 'none',
  rateLimit: 'read',
  handle: async (deps: { readonly db: Db }, { params }) => ({
    body: { [params.keyName]: await getProfileField(deps, params.userId, params.keyName) },
  }),
});

const setProfileFieldEndpoint = endpoint({
  name: 'setProfileField',
  method: 'PUT',
  path: FIELD,
  alsoAt: fieldPaths,
  auth: 'guest-ok',
  whileSuspended: 'refused',
  rateLimit: 'write',
  body: jsonObject,
  handle: async (deps: ProfilesDeps, { params, body, requester }) => {
    const { userId, keyName: key } = params;
    const value = Object.hasOwn(body, key) ? body[key] : undefined;
    if (value === undefined) throw missingParam(`Missing parameter: ${key}`);
    await setProfileField(deps, requester, userId, { key, value });
    await spreadIfShown(deps, requester, key);
    return { body: {} };
  },
});

const deleteProfileField = endpoint({
  name: 'deleteProfileField',
  method: 'DELETE',
  path: FIELD,
  alsoAt: fieldPaths,
  auth: 'guest-ok',
  whileSuspended: 'refused',
  rateLimit: 'write',
  handle: async (deps: ProfilesDeps, { params, requester }) => {
    await removeProfileField(deps, requester, params.userId, params.keyName);
    await spreadIfShown(deps, requester, params.keyName);
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#profiles */
export const profilesEndpoints: readonly Endpoint<ProfilesDeps>[] = [
  getUserProfile,
  getProfileFieldEndpoint,
  setProfileFieldEndpoint,
  deleteProfileField,
];

/** Before the answer, so that whoever has it finds the new profile in all rooms; and so that a repeat mends a failure. */
async function spreadIfShown(deps: SpreadProfileDeps, requester: Requester, key: string): Promise<void> {
  if (isShownInRooms(key)) await spreadProfile(deps, requester);
}
