import { hash } from 'node:crypto';
import { sql } from 'kysely';
import type { DeviceId } from '../matrix/identifiers.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import type { Db, Tx } from './database.ts';

export interface ClientTransactionTable {
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly request: Buffer;
  readonly response: string;
  readonly created_ts: number;
}

export interface ClientTransactionTables {
  client_transactions: ClientTransactionTable;
}

/**
 * What makes a repeated request recognisable: the device, the path up to the transaction id, and the id.
 * https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers
 */
export interface ClientTransactionKey {
  readonly userNid: number;
  readonly deviceId: DeviceId;
  readonly endpoint: string;
  readonly txnId: string;
}

type RequestName = Pick<ClientTransactionKey, 'endpoint' | 'txnId'>;

const HASH_DIGITS = 32;

/** What stands for a request of a device in the database, as hexadecimal digits. */
export function hashRequest({ endpoint, txnId }: RequestName): string {
  return hash('sha256', `${endpoint}\n${txnId}`, 'hex').slice(0, HASH_DIGITS);
}

/** What stands for it in the event that it sent: the first 64 bits of the same, as a decimal number. */
export function numberRequest({ endpoint, txnId }: RequestName): string {
  return hash('sha256', `${endpoint}\n${txnId}`, 'buffer').readBigInt64BE().toString();
}

/** SQL: that no event remembers the request of a row `w`: `user_nid`, `device_id` and `request`, a text of {@link hashRequest}. */
export const SENT_NO_EVENT = `not exists (
  select from sessions s
    join events e on e.session_nid = s.session_nid and e.request = ('x' || left(w.request, 16))::bit(64)::bigint
  where s.user_nid = w.user_nid and s.device_id = w.device_id)`;

/** The answer that was given to the same request before: what was stored, or the event of the device's session that it sent. */
export async function findTransactionResponse(
  db: Db,
  key: ClientTransactionKey,
): Promise<JsonObject | undefined> {
  const { rows } = await sql<{ response: string }>`
    select response from client_transactions
    where user_nid = ${key.userNid} and device_id = ${key.deviceId} and request = decode(${hashRequest(key)}, 'hex')
    union all
    select json_build_object('event_id', e.event_id)::text
    from sessions s join events e on e.session_nid = s.session_nid and e.request = ${numberRequest(key)}::bigint
    where s.user_nid = ${key.userNid} and s.device_id = ${key.deviceId}`.execute(db);
  if (rows[0] === undefined) return undefined;
  const response: unknown = JSON.parse(rows[0].response);
  return isJsonObject(response) ? response : undefined;
}

/** Stores the answer; false when the same request was answered before (then nothing is stored). */
export async function insertTransaction(
  tx: Tx,
  key: ClientTransactionKey,
  response: JsonObject,
  nowMs: number,
): Promise<boolean> {
  const { rows } = await sql`
    insert into client_transactions (user_nid, device_id, request, response, created_ts)
    values (${key.userNid}, ${key.deviceId}, decode(${hashRequest(key)}, 'hex'), ${JSON.stringify(response)}, ${nowMs})
    on conflict do nothing returning 1`.execute(tx);
  return rows.length > 0;
}

/** Forgets the transactions of a device that is gone. */
export async function deleteTransactionsOfDevice(tx: Tx, userNid: number, deviceId: DeviceId): Promise<void> {
  await sql`delete from client_transactions where user_nid = ${userNid} and device_id = ${deviceId}`.execute(
    tx,
  );
}

/** Forgets transactions older than `beforeTs`: nobody repeats a request after that long. */
export async function deleteOldTransactions(db: Db, beforeTs: number): Promise<void> {
  await sql`delete from client_transactions where created_ts < ${beforeTs}`.execute(db);
}
