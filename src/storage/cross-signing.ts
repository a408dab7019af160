import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db, Tx } from './database.ts';

/** What a cross-signing key signs: the other two, devices of its owner, master keys of others. */
export type KeyUsage = 'master' | 'self_signing' | 'user_signing';

export interface CrossSigningKeyTable {
  readonly user_nid: number;
  readonly usage: KeyUsage;
  readonly public_key: string;
  /** JSON text. */
  readonly key: string;
}

export interface MasterKeySignatureTable {
  readonly user_nid: number;
  readonly public_key: string;
  readonly signer_nid: number;
  readonly key_id: string;
  readonly signature: string;
  readonly position: number;
}

export interface CrossSigningTables {
  cross_signing_keys: CrossSigningKeyTable;
  master_key_signatures: MasterKeySignatureTable;
}

/** A user's key for one usage. */
export interface StoredCrossSigningKey {
  readonly userNid: number;
  readonly userId: UserId;
  readonly usage: KeyUsage;
  readonly publicKey: string;
  /** JSON text. */
  readonly key: string;
}

/** A signature of a master key, made and kept after the key was uploaded. */
export interface MasterKeySignature {
  readonly userNid: number;
  readonly publicKey: string;
  readonly signerNid: number;
  readonly keyId: string;
  readonly signature: string;
}

/** The cross-signing keys of these users, whatever their usage. */
export async function listCrossSigningKeys(
  db: Db,
  userNids: readonly number[],
): Promise<StoredCrossSigningKey[]> {
  const { rows } = await sql<CrossSigningKeyTable & { readonly user_id: UserId }>`
    select k.*, u.user_id from cross_signing_keys k join users u on u.user_nid = k.user_nid
    where k.user_nid = any(${userNids}::bigint[])`.execute(db);
  return rows.map((row) => ({
    userNid: row.user_nid,
    userId: row.user_id,
    usage: row.usage,
    publicKey: row.public_key,
    key: row.key,
  }));
}

/** Stores a key in place of the one that its owner had for the same usage. */
export async function putCrossSigningKey(
  tx: Tx,
  userNid: number,
  key: { readonly usage: KeyUsage; readonly publicKey: string; readonly key: string },
): Promise<void> {
  await sql`
    insert into cross_signing_keys (user_nid, usage, public_key, key)
    values (${userNid}, ${key.usage}, ${key.publicKey}, ${key.key})
    on conflict (user_nid, usage) do update set public_key = excluded.public_key, key = excluded.key`.execute(
    tx,
  );
}

/** Forgets the user's keys for these usages. */
export async function deleteCrossSigningKeys(
  tx: Tx,
  userNid: number,
  usages: readonly KeyUsage[],
): Promise<void> {
  await sql`
    delete from cross_signing_keys where user_nid = ${userNid} and usage = any(${usages}::text[])`.execute(
    tx,
  );
}

/** Whether one of the user's cross-signing keys is called so. */
export async function isCrossSigningKeyName(db: Db, userNid: number, name: string): Promise<boolean> {
  const { rows } = await sql`
    select from cross_signing_keys where user_nid = ${userNid} and public_key = ${name} limit 1`.execute(db);
  return rows.length > 0;
}

/** Those signatures of the users' present master keys that `readerNid` may see: by their owners, and by the reader. */
export async function listMasterKeySignatures(
  db: Db,
  userNids: readonly number[],
  readerNid: number,
): Promise<(MasterKeySignature & { readonly signerId: UserId })[]> {
  const { rows } = await sql<MasterKeySignatureTable & { readonly signer_id: UserId }>`
    select s.*, u.user_id as signer_id from master_key_signatures s
    join cross_signing_keys k on k.user_nid = s.user_nid and k.usage = 'master' and k.public_key = s.public_key
    join users u on u.user_nid = s.signer_nid
    where s.user_nid = any(${userNids}::bigint[]) and s.signer_nid in (s.user_nid, ${readerNid})`.execute(db);
  return rows.map((row) => ({
    userNid: row.user_nid,
    publicKey: row.public_key,
    signerNid: row.signer_nid,
    signerId: row.signer_id,
    keyId: row.key_id,
    signature: row.signature,
  }));
}

/** Stores a signature as of `position`; false when the same was stored before. */
export async function putMasterKeySignature(
  tx: Tx,
  signed: MasterKeySignature,
  position: number,
): Promise<boolean> {
  const { rows } = await sql`
    insert into master_key_signatures (user_nid, public_key, signer_nid, key_id, signature, position)
    values (${signed.userNid}, ${signed.publicKey}, ${signed.signerNid}, ${signed.keyId}, ${signed.signature}, ${position})
    on conflict (user_nid, public_key, signer_nid, key_id)
      do update set signature = excluded.signature, position = excluded.position
      where master_key_signatures.signature <> excluded.signature
    returning 1`.execute(tx);
  return rows.length > 0;
}

/** Forgets who has signed a user's master keys: the user has another. */
export async function deleteMasterKeySignaturesOf(tx: Tx, userNid: number): Promise<void> {
  await sql`delete from master_key_signatures where user_nid = ${userNid}`.execute(tx);
}

/** Forgets what a user has signed of others. */
export async function deleteMasterKeySignaturesBy(tx: Tx, signerNid: number): Promise<void> {
  await sql`
    delete from master_key_signatures where signer_nid = ${signerNid} and user_nid <> ${signerNid}`.execute(
    tx,
  );
}

/** Whose master keys the user has signed in `(since, upTo]`. */
export async function listUsersSignedBy(
  db: Db,
  signerNid: number,
  since: number,
  upTo: number,
): Promise<UserId[]> {
  const { rows } = await sql<{ user_id: UserId }>`
    select distinct u.user_id from master_key_signatures s join users u on u.user_nid = s.user_nid
    where s.signer_nid = ${signerNid} and s.position > ${since} and s.position <= ${upTo}`.execute(db);
  return rows.map((row) => row.user_id);
}
