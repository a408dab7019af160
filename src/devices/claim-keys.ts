import { serverNameOf, type DeviceId, type ServerName, type UserId } from '../matrix/identifiers.ts';
import { allotPositions, inTransaction, type Db, type Tx } from '../storage/database.ts';
import { listLocalUsers } from '../storage/device-keys.ts';
import { useFallbackKeys } from '../storage/fallback-keys.ts';
import {
  recordOneTimeKeyChanges,
  takeOneTimeKeys,
  type GivenKey,
  type KeyWish,
} from '../storage/one-time-keys.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import { readStoredValue } from './key-json.ts';
import { describeUnreachable } from './query-keys.ts';

export interface KeyClaimDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly hub: StreamHub;
  readonly serverName: ServerName;
}

/** One key of an algorithm for one device. */
export interface WantedKey {
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly algorithm: string;
}

/**
 * One key for each of the wishes, in the form of the answer to /keys/claim: a one-time key, the oldest first, which
 * nobody gets again; else the fallback key. Devices that have neither are left out.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim
 */
export async function claimKeys(deps: KeyClaimDeps, wanted: readonly WantedKey[]): Promise<JsonObject> {
  const local = wanted.filter((wish) => serverNameOf(wish.userId) === deps.serverName);
  const users = await listLocalUsers(deps.db, [...new Set(local.map((wish) => wish.userId))]);
  const wishes = local.flatMap((wish): KeyWish[] => {
    const userNid = users.get(wish.userId);
    return userNid === undefined ? [] : [{ ...wish, userNid }];
  });
  const given = wishes.length === 0 ? [] : await giveKeys(deps, wishes);
  const failures = describeUnreachable(
    wanted.map((wish) => wish.userId),
    deps.serverName,
  );
  return { one_time_keys: renderKeys(wishes, given), failures };
}

async function giveKeys(deps: KeyClaimDeps, wishes: readonly KeyWish[]): Promise<readonly GivenKey[]> {
  const { given, changed, position } = await inTransaction(deps.db, async (tx) => {
    const at = await allotPositions(tx, 1);
    return { ...(await takeKeys(tx, wishes, deps.clock.nowMs(), at)), position: at };
  });
  const userNids = [...new Set(changed.map((key) => key.userNid))];
  if (userNids.length > 0) deps.hub.announce({ position, roomNids: [], userNids });
  return given;
}

async function takeKeys(
  tx: Tx,
  wishes: readonly KeyWish[],
  nowTs: number,
  position: number,
): Promise<{ readonly given: readonly GivenKey[]; readonly changed: readonly GivenKey[] }> {
  const taken = await takeOneTimeKeys(tx, wishes, nowTs);
  const granted = new Set(taken.map(wishName));
  const fallbacks = await useFallbackKeys(
    tx,
    wishes.filter((wish) => !granted.has(wishName(wish))),
  );
  const changed = [...taken, ...fallbacks.filter((key) => key.isFirstUse)];
  await recordOneTimeKeyChanges(tx, changed, position);
  return { given: [...taken, ...fallbacks], changed };
}

/** JSON keeps apart what a separator could not: ids and algorithms are any text. */
function wishName(wish: Pick<KeyWish, 'userNid' | 'deviceId' | 'algorithm'>): string {
  return JSON.stringify([wish.userNid, wish.deviceId, wish.algorithm]);
}

function renderKeys(wishes: readonly KeyWish[], given: readonly GivenKey[]): JsonObject {
  const byName = new Map(given.map((key) => [wishName(key), key]));
  const byUser = new Map<UserId, [string, JsonValue][]>();
  for (const wish of wishes) {
    const key = byName.get(wishName(wish));
    if (key === undefined) continue;
    const named = { [`${key.algorithm}:${key.keyId}`]: readStoredValue(key.key) };
    byUser.set(wish.userId, [...(byUser.get(wish.userId) ?? []), [wish.deviceId, named]]);
  }
  return Object.fromEntries([...byUser].map(([userId, devices]) => [userId, Object.fromEntries(devices)]));
}
