import type { SpawnOptions } from 'node:child_process';
import { stat } from 'node:fs/promises';

/** The user that PostgreSQL runs as, where it is not our own. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Works without an entry in the passwd file, which small images lack. */
const NOBODY: Account = { uid: 65534, gid: 65534 };

/** The uid that PostgreSQL will have; undefined where uids do not exist. */
export function uidOf(account: Account | undefined): number | undefined {
  return account?.uid ?? process.getuid?.();
}

/**
 * PostgreSQL refuses to run as root: then it runs as the owner of its cluster, or as nobody for a new one.
 * Undefined means: as we are.
 */
export async function accountFor(clusterDir: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(clusterDir).catch(() => undefined);
  return owner === undefined || owner.uid === 0 ? NOBODY : { uid: owner.uid, gid: owner.gid };
}

/**
 * How to start a PostgreSQL program on `clusterDir`: spawn options, and what to pass to `-D`. Under another account the
 * directory may lie below one that only root may enter; the working directory is entered before the uid changes, and
 * `/proc/self/cwd` leads to it without walking the path. The environment is empty: PG… variables would change what starts.
 */
export function launchIn(
  clusterDir: string,
  account: Account | undefined,
): { readonly options: SpawnOptions; readonly dataArgument: string } {
  const viaCwd = account !== undefined && process.platform === 'linux';
  return {
    options: { cwd: clusterDir, env: { LC_ALL: 'C', TZ: 'UTC' }, ...account },
    dataArgument: viaCwd ? '/proc/self/cwd' : clusterDir,
  };
}
