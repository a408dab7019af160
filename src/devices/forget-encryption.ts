import { allotPositions, type Tx } from '../storage/database.ts';
import { deleteBackupsOf } from '../storage/key-backups.ts';
import { deleteCrossSigning } from './cross-signing.ts';

/** Forgets what a user keeps here for encryption beside their devices, which hold their own keys: for an account that ends. */
export async function forgetEncryption(tx: Tx, userNid: number): Promise<void> {
  const position = await allotPositions(tx, 1);
  await deleteCrossSigning(tx, userNid, position);
  await deleteBackupsOf(tx, userNid);
}
