import type { SyncPart, SyncProvider } from './provider.ts';

/** The server keeps no keys: clients are told that none of theirs are left, of any algorithm. */
const NO_KEYS: SyncPart = { body: { device_one_time_keys_count: {}, device_unused_fallback_key_types: [] } };

/** How many one-time keys of the device are unclaimed. https://spec.matrix.org/v1.19/client-server-api/#e2e-extensions-to-sync */
export const oneTimeKeys: SyncProvider = {
  initial: () => Promise.resolve(NO_KEYS),
  since: () => Promise.resolve(NO_KEYS),
};
