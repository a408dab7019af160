import { randomLetters, type Random } from '../util/random.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import { parseDeviceId } from '../matrix/identifiers.ts';
import { forbidden } from '../matrix/errors.ts';
import { isCrossSigningKeyName } from '../storage/cross-signing.ts';
import type { Tx } from '../storage/database.ts';
import { upsertDevice } from '../storage/devices.ts';
import { openSession } from '../storage/sessions.ts';
import type { RequestOrigin } from '../http/authenticate.ts';
import { issueTokens, type IssuedTokens } from './tokens.ts';

/** How a client wants to be logged in. */
export interface SessionWishes {
  /** A known device is logged in anew, its earlier session ends; absent: a new device. */
  readonly deviceId: DeviceId | undefined;
  /** For a new device only. */
  readonly displayName: string | undefined;
  /** The client can refresh its tokens. */
  readonly refreshable: boolean;
}

/** A login that took place: what the client must remember. */
export interface LoggedIn extends IssuedTokens {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
}

/**
 * Logs a user in on the device wished for, within the transaction that found it right to do so. Throws 403 M_FORBIDDEN
 * when one of the user's cross-signing keys is called like the device: signatures name either.
 */
export async function startSession(
  tx: Tx,
  random: Random,
  user: { readonly userNid: number; readonly userId: UserId },
  wishes: SessionWishes,
  seen: RequestOrigin & { readonly nowTs: number },
): Promise<LoggedIn> {
  const deviceId = wishes.deviceId ?? newDeviceId(random);
  if (wishes.deviceId !== undefined && (await isCrossSigningKeyName(tx, user.userNid, deviceId))) {
    throw forbidden(`A cross-signing key is called ${deviceId}: choose another device_id`);
  }
  const device = { userNid: user.userNid, deviceId, displayName: wishes.displayName };
  const { issued, hashes } = issueTokens(random, wishes.refreshable, seen.nowTs);
  await upsertDevice(tx, device, seen);
  await openSession(tx, device, hashes, seen.nowTs);
  return { userId: user.userId, deviceId, ...issued };
}

function newDeviceId(random: Random): DeviceId {
  const deviceId = parseDeviceId(randomLetters(random, 10).toUpperCase());
  if (deviceId === undefined) throw new Error('ten letters are a device id');
  return deviceId;
}
