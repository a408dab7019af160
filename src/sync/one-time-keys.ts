import { listUnusedFallbackAlgorithms } from '../storage/fallback-keys.ts';
import { findOneTimeKeyChange } from '../storage/one-time-keys.ts';
import { countKeysOf } from '../devices/upload-keys.ts';
import type { SyncPart, SyncProvider, SyncScope } from './provider.ts';

/**
 * How many one-time keys of the device are left, and which fallback keys are unused. Every answer says it, and a client
 * that waits is told when either changes. https://spec.matrix.org/v1.19/client-server-api/#e2e-extensions-to-sync
 */
export const oneTimeKeys: SyncProvider = {
  initial: (scope) => readCounts(scope),
  since: async (scope, since) => {
    const changedAt = await findOneTimeKeyChange(scope.deps.db, scope.viewer);
    return { ...(await readCounts(scope)), isNews: changedAt > since };
  },
};

async function readCounts({ deps, viewer }: SyncScope): Promise<SyncPart> {
  return {
    body: {
      device_one_time_keys_count: Object.fromEntries(await countKeysOf(deps.db, viewer)),
      device_unused_fallback_key_types: await listUnusedFallbackAlgorithms(deps.db, viewer),
    },
  };
}
