import { z } from 'zod';
import { changeAccountState, getAccountState, type AccountStateDeps } from '../accounts/account-state.ts';
import { lookUpUser } from '../accounts/whois.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { oldPath } from './room-fields.ts';

export type AdminUsersDeps = AccountStateDeps;

/** MSC4323, as clients spell it that have not heard of its acceptance. */
const UNSTABLE = '/_matrix/client/unstable/uk.timedout.msc4323/admin';
const SUSPEND = '/_matrix/client/v1/admin/suspend/{userId}';
const LOCK = '/_matrix/client/v1/admin/lock/{userId}';
const WHOIS = '/_matrix/client/v3/admin/whois/{userId}';
const SHADOW_BAN = '/_synapse/admin/v1/users/{userId}/shadow_ban';

const getSuspension = endpoint({
  name: 'getAdminSuspendUser',
  method: 'GET',
  path: SUSPEND,
  alsoAt: [`${UNSTABLE}/suspend/{userId}`],
  auth: 'admin',
  rateLimit: 'none',
  handle: async (deps: AdminUsersDeps, { params, requester }) => {
    const { isSuspended } = await getAccountState(deps, requester, params.userId);
    return { body: { suspended: isSuspended } };
  },
});

const setSuspension = endpoint({
  name: 'setAdminSuspendUser',
  method: 'PUT',
  path: SUSPEND,
  alsoAt: [`${UNSTABLE}/suspend/{userId}`],
  auth: 'admin',
  rateLimit: 'none',
  body: z.object({ suspended: z.boolean() }),
  handle: async (deps: AdminUsersDeps, { params, body, requester }) => {
    await changeAccountState(deps, requester, params.userId, { isSuspended: body.suspended });
    return { body: { suspended: body.suspended } };
  },
});

const getLock = endpoint({
  name: 'getAdminLockUser',
  method: 'GET',
  path: LOCK,
  alsoAt: [`${UNSTABLE}/lock/{userId}`],
  auth: 'admin',
  rateLimit: 'none',
  handle: async (deps: AdminUsersDeps, { params, requester }) => {
    const { isLocked } = await getAccountState(deps, requester, params.userId);
    return { body: { locked: isLocked } };
  },
});

const setLock = endpoint({
  name: 'setAdminLockUser',
  method: 'PUT',
  path: LOCK,
  alsoAt: [`${UNSTABLE}/lock/{userId}`],
  auth: 'admin',
  rateLimit: 'none',
  body: z.object({ locked: z.boolean() }),
  handle: async (deps: AdminUsersDeps, { params, body, requester }) => {
    await changeAccountState(deps, requester, params.userId, { isLocked: body.locked });
    return { body: { locked: body.locked } };
  },
});

const whois = endpoint({
  name: 'getWhoIs',
  method: 'GET',
  path: WHOIS,
  alsoAt: [oldPath(WHOIS), '/_synapse/admin/v1/whois/{userId}'],
  auth: 'guest-ok',
  rateLimit: 'read',
  handle: async (deps: AdminUsersDeps, { params, requester }) => ({
    body: await lookUpUser(deps, requester, params.userId),
  }),
});

const getShadowBan = endpoint({
  name: 'getShadowBan',
  method: 'GET',
  path: SHADOW_BAN,
  auth: 'admin',
  rateLimit: 'none',
  handle: async (deps: AdminUsersDeps, { params, requester }) => {
    const { isShadowBanned } = await getAccountState(deps, requester, params.userId);
    return { body: { shadow_banned: isShadowBanned } };
  },
});

const shadowBanRows = [
  { name: 'shadowBan', method: 'POST', isShadowBanned: true },
  { name: 'liftShadowBan', method: 'DELETE', isShadowBanned: false },
] as const;

const shadowBanEndpoints = shadowBanRows.map(({ name, method, isShadowBanned }) =>
  endpoint({
    name,
    method,
    path: SHADOW_BAN,
    auth: 'admin',
    rateLimit: 'none',
    handle: async (deps: AdminUsersDeps, { params, requester }) => {
      await changeAccountState(deps, requester, params.userId, { isShadowBanned });
      return { body: {} };
    },
  }),
);

/**
 * What administrators do about users: https://spec.matrix.org/v1.19/client-server-api/#server-administration, and the
 * shadow ban, which is Synapse's (that it can be asked for is not).
 */
export const adminUsersEndpoints: readonly Endpoint<AdminUsersDeps>[] = [
  getSuspension,
  setSuspension,
  getLock,
  setLock,
  whois,
  getShadowBan,
  ...shadowBanEndpoints,
];
