import { sql, type Generated } from 'kysely';
import type { AccountState } from '../matrix/account-state.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import { ACCOUNT_STATE_COLUMNS, readAccountState, type AccountStateColumns } from './account-states.ts';
import type { Db, Tx } from './database.ts';

export interface SessionTable {
  readonly session_nid: Generated<number>;
  readonly user_nid: number;
  readonly device_id: DeviceId;
  readonly created_ts: number;
}

export interface SessionTokenTable {
  readonly access_hash: Buffer;
  readonly refresh_hash: Buffer | null;
  readonly session_nid: number;
  readonly created_ts: number;
  readonly valid_until_ts: number | null;
  readonly used: boolean;
}

export interface SessionTables {
  sessions: SessionTable;
  session_tokens: SessionTokenTable;
}

/** The tokens that are given out together, as hashes. */
export interface TokenHashes {
  readonly access: Buffer;
  readonly refresh: Buffer | undefined;
  /** When the access token expires; undefined for never. */
  readonly validUntilTs: number | undefined;
}

/** A session as found by one of its tokens, with what a request needs to know about its user. */
export interface FoundSession {
  readonly sessionNid: number;
  readonly userNid: number;
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly isGuest: boolean;
  readonly isAdmin: boolean;
  readonly accountState: AccountState;
  readonly lastSeenTs: number | undefined;
  /** The access token of the pair that was asked for. */
  readonly accessHash: Buffer;
  readonly validUntilTs: number | undefined;
  /** False until a refreshed pair is first used. */
  readonly used: boolean;
}

/** Opens the one session of a device, which must exist: what was logged in there before is logged out. */
export async function openSession(
  tx: Tx,
  device: { readonly userNid: number; readonly deviceId: DeviceId },
  tokens: TokenHashes,
  nowTs: number,
): Promise<number> {
  await tx
    .deleteFrom('sessions')
    .where('user_nid', '=', device.userNid)
    .where('device_id', '=', device.deviceId)
    .execute();
  const { session_nid: sessionNid } = await tx
    .insertInto('sessions')
    .values({ user_nid: device.userNid, device_id: device.deviceId, created_ts: nowTs })
    .returning('session_nid')
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('session_tokens')
    .values({
      access_hash: tokens.access,
      refresh_hash: tokens.refresh ?? null,
      session_nid: sessionNid,
      created_ts: nowTs,
      valid_until_ts: tokens.validUntilTs ?? null,
      used: true,
    })
    .execute();
  return sessionNid;
}

/**
 * Gives a session further tokens. The earlier ones stay good until {@link retireOtherTokens}. False when the session
 * has ended meanwhile.
 */
export async function addTokens(
  db: Db,
  sessionNid: number,
  tokens: TokenHashes,
  nowTs: number,
): Promise<boolean> {
  const { rows } = await sql`
    insert into session_tokens (access_hash, refresh_hash, session_nid, created_ts, valid_until_ts, used)
    select ${tokens.access}, ${tokens.refresh ?? null}, session_nid, ${nowTs}, ${tokens.validUntilTs ?? null}, false
    from sessions where session_nid = ${sessionNid} for key share
    returning session_nid`.execute(db);
  return rows.length > 0;
}

/** The first use of a pair of tokens: it becomes the session's only one. */
export async function retireOtherTokens(db: Db, sessionNid: number, accessHash: Buffer): Promise<void> {
  await sql`
    with retired as (
      delete from session_tokens where session_nid = ${sessionNid} and access_hash <> ${accessHash}
    )
    update session_tokens set used = true where access_hash = ${accessHash}`.execute(db);
}

/** The session that an access token belongs to, expired or not. One indexed look-up: it runs on every request. */
export async function findSession(db: Db, accessHash: Buffer): Promise<FoundSession | undefined> {
  const row = await sessionRows(db).where('session_tokens.access_hash', '=', accessHash).executeTakeFirst();
  return row && toFoundSession(row);
}

/** The session that a refresh token belongs to. */
export async function findSessionByRefreshToken(
  db: Db,
  refreshHash: Buffer,
): Promise<FoundSession | undefined> {
  const row = await sessionRows(db).where('session_tokens.refresh_hash', '=', refreshHash).executeTakeFirst();
  return row && toFoundSession(row);
}

interface SessionRow extends AccountStateColumns {
  readonly session_nid: number;
  readonly user_nid: number;
  readonly user_id: UserId;
  readonly device_id: DeviceId;
  readonly is_guest: boolean;
  readonly is_admin: boolean;
  readonly last_seen_ts: number | null;
  readonly access_hash: Buffer;
  readonly valid_until_ts: number | null;
  readonly used: boolean;
}

function sessionRows(db: Db) {
  return db
    .selectFrom('session_tokens')
    .innerJoin('sessions', 'sessions.session_nid', 'session_tokens.session_nid')
    .innerJoin('devices', (join) =>
      join
        .onRef('devices.user_nid', '=', 'sessions.user_nid')
        .onRef('devices.device_id', '=', 'sessions.device_id'),
    )
    .innerJoin('accounts', 'accounts.user_nid', 'sessions.user_nid')
    .innerJoin('users', 'users.user_nid', 'sessions.user_nid')
    .select([
      'sessions.session_nid',
      'sessions.user_nid',
      'users.user_id',
      'sessions.device_id',
      'accounts.is_guest',
      'accounts.is_admin',
      ...ACCOUNT_STATE_COLUMNS,
      'devices.last_seen_ts',
      'session_tokens.access_hash',
      'session_tokens.valid_until_ts',
      'session_tokens.used',
    ]);
}

function toFoundSession(row: SessionRow): FoundSession {
  return {
    sessionNid: row.session_nid,
    userNid: row.user_nid,
    userId: row.user_id,
    deviceId: row.device_id,
    isGuest: row.is_guest,
    isAdmin: row.is_admin,
    accountState: readAccountState(row),
    lastSeenTs: row.last_seen_ts ?? undefined,
    accessHash: row.access_hash,
    validUntilTs: row.valid_until_ts ?? undefined,
    used: row.used,
  };
}
