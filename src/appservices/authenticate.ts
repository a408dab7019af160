import { createHash } from 'node:crypto';
import type { AssertedIdentity } from '../http/authenticate.ts';
import type { Requester } from '../http/endpoint.ts';
import { coversUser, type Appservice } from '../matrix/appservices.ts';
import { forbidden, unknownDevice, userDeactivated } from '../matrix/errors.ts';
import { parseDeviceId, parseUserId, type DeviceId, type UserId } from '../matrix/identifiers.ts';
import { findAccount } from '../storage/accounts.ts';
import type { Db } from '../storage/database.ts';
import { findDevice } from '../storage/devices.ts';

/**
 * Finds whom an application service acts for, by its token and what it asserts: its own sender unless it names one of its
 * users. Undefined for a token of no service. Throws 403 M_FORBIDDEN for a user who is not the service's or whom it has
 * not registered, 403 M_USER_DEACTIVATED, and 400 M_UNKNOWN_DEVICE for a device that the user has not.
 * https://spec.matrix.org/v1.19/application-service-api/#identity-assertion
 */
export type AuthenticateAppservice = (
  accessToken: string,
  asserted: AssertedIdentity,
) => Promise<Requester | undefined>;

/** That for some application services; tokens are looked up by their hash, so that the time tells nothing about them. */
export function createAppserviceAuthenticator(deps: {
  readonly db: Db;
  readonly appservices: readonly Appservice[];
}): AuthenticateAppservice {
  const byToken = new Map(deps.appservices.map((appservice) => [hashOf(appservice.asToken), appservice]));
  return async (accessToken, asserted) => {
    const appservice = byToken.size === 0 ? undefined : byToken.get(hashOf(accessToken));
    if (appservice === undefined) return undefined;
    const account = await getAccount(deps.db, getAssertedUser(appservice, asserted.userId));
    const { userNid, userId, isAdmin, isGuest, state: accountState } = account;
    const deviceId = await findAssertedDevice(deps.db, userNid, asserted.deviceId);
    return {
      userId,
      userNid,
      deviceId: deviceId ?? devicelessName(appservice),
      // Rows have numbers from 1 on: what the service sends for a user is told apart from what sessions send.
      sessionNid: -userNid,
      isGuest,
      isAdmin,
      accountState,
      appservice,
      isDeviceless: deviceId === undefined,
    };
  };
}

function getAssertedUser(appservice: Appservice, text: string | undefined): UserId {
  if (text === undefined) return appservice.sender;
  const userId = parseUserId(text);
  if (userId === undefined || !coversUser(appservice, userId))
    throw forbidden(`The application service cannot act for ${text}`);
  return userId;
}

async function getAccount(db: Db, userId: UserId) {
  const account = await findAccount(db, userId);
  if (account === undefined) throw forbidden('The application service has not registered this user');
  if (account.isDeactivated) throw userDeactivated('The account has been deactivated');
  return account;
}

async function findAssertedDevice(
  db: Db,
  userNid: number,
  text: string | undefined,
): Promise<DeviceId | undefined> {
  if (text === undefined) return undefined;
  const deviceId = parseDeviceId(text);
  const device = deviceId === undefined ? undefined : await findDevice(db, userNid, deviceId);
  if (device === undefined) throw unknownDevice('The application service has no such device for this user');
  return device.deviceId;
}

/** Stands in for a device where transaction ids are kept. */
function devicelessName(appservice: Appservice): DeviceId {
  const name = parseDeviceId(`appservice ${hashOf(appservice.id).slice(0, 16)}`);
  if (name === undefined) throw new Error('a short text is a device id');
  return name;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
