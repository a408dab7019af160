import { listUnusedFallbackAlgorithms } from '../storage/fallback-keys.ts';
import { findOneTimeKeyChange } from '../storage/one-time-keys.ts';
import { countKeysOf } from '../devices/upload-keys.ts';
import type { JsonObject } from '../util/json.ts';
import type { SyncProvider, SyncScope } from './provider.ts';

/** What is said of a device's keys. */
export interface KeyCounts {
  readonly body: JsonObject;
  /** Where it last changed. */
  readonly changedAt: number;
  /** It includes all up to here. */
  readonly upTo: number;
}

/**
 * How many one-time keys of the device are left, and which fallback keys are unused. Every answer says it, and a client
 * that waits is told when either changes. https://spec.matrix.org/v1.19/client-server-api/#e2e-extensions-to-sync
 */
export const oneTimeKeys = {
  initial: async (scope: KeyScope) => ({ body: (await findCounts(scope)).body }),
  since: async (scope: KeyScope, since: number) => {
    const { body, changedAt } = await findCounts(scope);
    return { body, isNews: changedAt > since };
  },
} satisfies SyncProvider;

type KeyScope = Pick<SyncScope, 'deps' | 'viewer' | 'upTo'>;

/** From memory, unless something has happened since that concerns the user. */
async function findCounts(scope: KeyScope): Promise<KeyCounts> {
  const { syncFeed } = scope.deps;
  const { userNid, deviceId } = scope.viewer;
  const key = `${userNid} ${deviceId}`;
  const known = syncFeed.keyCounts.get(key);
  if (known !== undefined && !syncFeed.mayConcern(userNid, known.upTo)) return known;
  const counts = await readCounts(scope);
  syncFeed.keyCounts.set(key, counts);
  return counts;
}

async function readCounts({ deps, viewer, upTo }: KeyScope): Promise<KeyCounts> {
  const changedAt = await findOneTimeKeyChange(deps.db, viewer);
  return {
    body: {
      device_one_time_keys_count: Object.fromEntries(await countKeysOf(deps.db, viewer)),
      device_unused_fallback_key_types: await listUnusedFallbackAlgorithms(deps.db, viewer),
    },
    changedAt,
    upTo,
  };
}
