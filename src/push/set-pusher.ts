import { invalidParam, unknownError, unknownToken } from '../matrix/errors.ts';
import type { DeviceId } from '../matrix/identifiers.ts';
import { inTransaction, type Db } from '../storage/database.ts';
import { holdDevice } from '../storage/devices.ts';
import {
  countPushers,
  deletePusher,
  deletePushersOfOthers,
  putPusher,
  type Pusher,
} from '../storage/pushers.ts';
import type { Clock } from '../util/clock.ts';
import { parseGatewayUrl } from './gateway-url.ts';

export interface PusherDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly config: { readonly allowPrivateIps: boolean };
}

/** Who sets a pusher, from which device. */
export interface PusherOwner {
  readonly userNid: number;
  readonly deviceId: DeviceId;
}

const MOST_PUSHERS = 100;

/**
 * Sets a pusher, over the one of the user with the same app and key if there is one. Unless `append` says so, other
 * users lose theirs with that key: the app has changed hands. It ends with the device. Throws 400 M_INVALID_PARAM for a
 * kind that is not served or a bad URL, M_UNKNOWN for too many pushers, and 401 M_UNKNOWN_TOKEN when the device has gone.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset
 */
export async function setPusher(
  deps: PusherDeps,
  owner: PusherOwner,
  pusher: Pusher,
  append: boolean,
): Promise<void> {
  if (pusher.kind !== 'http')
    throw invalidParam(`There are no pushers of kind ${JSON.stringify(pusher.kind)} here`);
  const { url } = pusher.data;
  parseGatewayUrl(typeof url === 'string' ? url : '', deps.config);
  await inTransaction(deps.db, async (tx) => {
    if (!(await holdDevice(tx, owner))) throw unknownToken('The device has been logged out');
    if (!append) await deletePushersOfOthers(tx, owner.userNid, pusher);
    await putPusher(tx, owner, pusher, deps.clock.nowMs());
    if ((await countPushers(tx, owner.userNid)) > MOST_PUSHERS)
      throw unknownError(`There cannot be more than ${MOST_PUSHERS} pushers`);
  });
}

/** Removes a pusher of the user; one that is not there is gone already. */
export async function removePusher(
  deps: Pick<PusherDeps, 'db'>,
  owner: Pick<PusherOwner, 'userNid'>,
  key: Pick<Pusher, 'appId' | 'pushkey'>,
): Promise<void> {
  await inTransaction(deps.db, (tx) => deletePusher(tx, owner.userNid, key));
}
