import type { IncomingMessage } from 'node:http';
import { accountLocked, accountSuspended } from '../matrix/account-state.ts';
import { forbidden, guestAccessForbidden, MatrixError, missingToken } from '../matrix/errors.ts';
import type { Endpoint, Requester } from './endpoint.ts';

/** Where a request came from: kept with the session, so that its owner can recognise the device. */
export interface RequestOrigin {
  readonly ip: string;
  readonly userAgent: string | undefined;
}

/** Whom an application service says that it acts for. */
export interface AssertedIdentity {
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
}

/**
 * Finds who an access token belongs to; what is asserted counts for application services only. Throws 401
 * M_UNKNOWN_TOKEN (and the like) for a token that is no good.
 */
export type Authenticate = (
  accessToken: string,
  origin: RequestOrigin,
  asserted: AssertedIdentity,
) => Promise<Requester>;

/**
 * The access token of a request: `Authorization: Bearer …` or, if there is no such header, `?access_token=…`.
 * https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens
 */
export function findAccessToken(request: IncomingMessage, query: URLSearchParams): string | undefined {
  const header = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '');
  return header?.[1] ?? (query.get('access_token') || undefined);
}

/**
 * The user and device that a query names. Since v1.17 the device may be named as well; services write the older name, too.
 * https://spec.matrix.org/v1.19/application-service-api/#identity-assertion
 */
export function findAssertedIdentity(query: URLSearchParams): AssertedIdentity {
  return {
    userId: query.get('user_id') ?? undefined,
    deviceId: query.get('device_id') ?? query.get('org.matrix.msc3202.device_id') ?? undefined,
  };
}

/**
 * Lets a request through to an endpoint, and says whose it is. Throws 401 M_MISSING_TOKEN, what `authenticate` throws,
 * 401 M_USER_LOCKED for locked accounts, 403 M_GUEST_ACCESS_FORBIDDEN for guests, 403 M_FORBIDDEN for all but
 * administrators and 403 M_USER_SUSPENDED for suspended accounts, each as the endpoint's row says.
 */
export async function admit(
  row: Pick<Endpoint<never>, 'auth' | 'whileSuspended' | 'allowedWhileLocked'>,
  accessToken: string | undefined,
  asserted: AssertedIdentity,
  authenticate: (accessToken: string, asserted: AssertedIdentity) => Promise<Requester>,
): Promise<Requester | undefined> {
  const { auth } = row;
  if (auth === 'none') return undefined;
  if (auth === 'none-or-appservice') {
    return accessToken === undefined ? undefined : findAppservice(accessToken, authenticate);
  }
  if (accessToken === undefined) {
    if (auth === 'optional') return undefined;
    throw missingToken('Missing access token');
  }
  const requester = await authenticate(accessToken, asserted);
  const { isLocked, isSuspended } = requester.accountState;
  if (isLocked && !row.allowedWhileLocked) throw accountLocked();
  if (requester.isGuest && (auth === 'user' || auth === 'admin')) {
    throw guestAccessForbidden('Guests may not use this endpoint');
  }
  if (auth === 'admin' && !requester.isAdmin)
    throw forbidden('Only server administrators may use this endpoint');
  if (isSuspended && row.whileSuspended === 'refused') throw accountSuspended();
  return requester;
}

/** Whom the service asserts is not looked at: it may be introducing that very user. */
async function findAppservice(
  accessToken: string,
  authenticate: (accessToken: string, asserted: AssertedIdentity) => Promise<Requester>,
): Promise<Requester | undefined> {
  try {
    const requester = await authenticate(accessToken, { userId: undefined, deviceId: undefined });
    return requester.appservice === undefined ? undefined : requester;
  } catch (error) {
    if (error instanceof MatrixError && error.status === 401) return undefined;
    throw error;
  }
}
