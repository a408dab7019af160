import { invalidParam, notFound, wrongRoomKeysVersion } from '../matrix/errors.ts';
import { inTransaction, type Db, type Tx } from '../storage/database.ts';
import {
  deleteBackedUpKeys,
  findBackup,
  findCurrentBackup,
  insertBackup,
  listBackedUpKeys,
  lockAccount,
  markBackupDeleted,
  putBackedUpKeys,
  recordBackupChange,
  setBackupAuthData,
  type BackedUpKey,
  type KeyBackup,
  type KeyChoice,
} from '../storage/key-backups.ts';
import type { JsonObject } from '../util/json.ts';

export type { BackedUpKey, KeyBackup, KeyChoice } from '../storage/key-backups.ts';

export interface KeyBackupDeps {
  readonly db: Db;
}

/** What a client says about a backup: how keys are encrypted, and for whom. */
export interface BackupInfo {
  readonly algorithm: string;
  readonly authData: JsonObject;
}

/** Versions are numbered from 1. */
const VERSION = /^[1-9][0-9]{0,14}$/;

/** Begins a new version of the user's backup, which is the current one from now on. Returns its name. */
export async function createBackup(deps: KeyBackupDeps, userNid: number, info: BackupInfo): Promise<string> {
  const backup = { algorithm: info.algorithm, authData: JSON.stringify(info.authData) };
  return inTransaction(deps.db, async (tx) => {
    await lockAccount(tx, userNid);
    return String(await insertBackup(tx, userNid, backup));
  });
}

/** A version of the user's backup, or the current one. Throws 404 M_NOT_FOUND, also for a deleted one. */
export async function getBackup(deps: KeyBackupDeps, userNid: number, version?: string): Promise<KeyBackup> {
  const backup =
    version === undefined
      ? await findCurrentBackup(deps.db, userNid)
      : await findVersion(deps.db, userNid, version);
  if (backup === undefined || backup.deleted) throw noBackup(version);
  return backup;
}

/**
 * Changes the `auth_data` of a version. Throws 404 M_NOT_FOUND, and 400 M_INVALID_PARAM for another algorithm.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keysversionversion
 */
export async function updateBackup(
  deps: KeyBackupDeps,
  userNid: number,
  version: string,
  info: BackupInfo,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const backup = await lockBackup(tx, userNid, version);
    if (backup.algorithm !== info.algorithm) throw invalidParam('algorithm: cannot be changed');
    await setBackupAuthData(tx, { userNid, version: backup.version }, JSON.stringify(info.authData));
  });
}

/** Deletes a version with its keys; again: nothing is left to do. Throws 404 M_NOT_FOUND for one that never was. */
export async function deleteBackup(deps: KeyBackupDeps, userNid: number, version: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const backup = await findVersion(tx, userNid, version, 'for update');
    if (backup === undefined) throw noBackup(version);
    if (!backup.deleted) await markBackupDeleted(tx, { userNid, version: backup.version });
  });
}

/**
 * Stores keys in the current version, each unless the one that is there is as good. Returns the backup as it is then.
 * Throws 404 M_NOT_FOUND for an unknown version, 403 M_WRONG_ROOM_KEYS_VERSION for an old one.
 * https://spec.matrix.org/v1.19/client-server-api/#backup-algorithm-mmegolm_backupv1curve25519-aes-sha2
 */
export async function putKeys(
  deps: KeyBackupDeps,
  userNid: number,
  version: string,
  keys: readonly BackedUpKey[],
): Promise<KeyBackup> {
  return inTransaction(deps.db, async (tx) => {
    const backup = await lockBackup(tx, userNid, version);
    const current = await findCurrentBackup(tx, userNid);
    if (current !== undefined && current.version !== backup.version) {
      throw wrongRoomKeysVersion('Another version is the current one', String(current.version));
    }
    const address = { userNid, version: backup.version };
    const { added, replaced } = await putBackedUpKeys(tx, address, keys);
    return added + replaced === 0 ? backup : recordBackupChange(tx, address, added);
  });
}

/** Keys of a version. Throws 404 M_NOT_FOUND for an unknown version. */
export async function listKeys(
  deps: KeyBackupDeps,
  userNid: number,
  version: string,
  choice: KeyChoice,
): Promise<readonly BackedUpKey[]> {
  const backup = await getBackup(deps, userNid, version);
  return listBackedUpKeys(deps.db, { userNid, version: backup.version }, choice);
}

/** Deletes keys of a version and returns the backup as it is then. Throws 404 M_NOT_FOUND for an unknown version. */
export async function deleteKeys(
  deps: KeyBackupDeps,
  userNid: number,
  version: string,
  choice: KeyChoice,
): Promise<KeyBackup> {
  return inTransaction(deps.db, async (tx) => {
    const backup = await lockBackup(tx, userNid, version);
    const address = { userNid, version: backup.version };
    const deleted = await deleteBackedUpKeys(tx, address, choice);
    return deleted === 0 ? backup : recordBackupChange(tx, address, -deleted);
  });
}

/** The version, which nobody else changes until the transaction ends. Throws 404 M_NOT_FOUND. */
async function lockBackup(tx: Tx, userNid: number, version: string): Promise<KeyBackup> {
  const backup = await findVersion(tx, userNid, version, 'for update');
  if (backup === undefined || backup.deleted) throw noBackup(version);
  return backup;
}

async function findVersion(
  db: Db,
  userNid: number,
  version: string,
  lock?: 'for update',
): Promise<KeyBackup | undefined> {
  return VERSION.test(version) ? findBackup(db, { userNid, version: Number(version) }, lock) : undefined;
}

function noBackup(version: string | undefined) {
  return notFound(version === undefined ? 'There is no backup' : `There is no backup version ${version}`);
}
