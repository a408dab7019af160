import { sql, type Generated } from 'kysely';
import type { AccountState } from '../matrix/account-state.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import { notification } from './bus.ts';
import { readAccountState, type AccountStateColumns } from './account-states.ts';
import type { Db, Tx } from './database.ts';
import { noteSessionsChanged, tellSessionsChanged } from './session-changes.ts';

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

/**
 * Opens the one session of a device, which must exist. Who was logged in there before is logged out, but it stays the same
 * session: a device knows its own transactions over a new login.
 */
export async function openSession(
  tx: Tx,
  device: { readonly userNid: number; readonly deviceId: DeviceId },
  tokens: TokenHashes,
  nowTs: number,
): Promise<number> {
  const sessionNid = (await emptySession(tx, device, nowTs)) ?? (await addSession(tx, device, nowTs));
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

async function emptySession(
  tx: Tx,
  device: { readonly userNid: number; readonly deviceId: DeviceId },
  nowTs: number,
): Promise<number | undefined> {
  const found = await tx
    .updateTable('sessions')
    .set({ created_ts: nowTs })
    .where('user_nid', '=', device.userNid)
    .where('device_id', '=', device.deviceId)
    .returning('session_nid')
    .executeTakeFirst();
  if (found === undefined) return undefined;
  await tx.deleteFrom('session_tokens').where('session_nid', '=', found.session_nid).execute();
  await noteSessionsChanged(tx);
  return found.session_nid;
}

async function addSession(
  tx: Tx,
  device: { readonly userNid: number; readonly deviceId: DeviceId },
  nowTs: number,
): Promise<number> {
  const { session_nid: sessionNid } = await tx
    .insertInto('sessions')
    .values({ user_nid: device.userNid, device_id: device.deviceId, created_ts: nowTs })
    .returning('session_nid')
    .executeTakeFirstOrThrow();
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
  try {
    await sql`
      with retired as (
        delete from session_tokens where session_nid = ${sessionNid} and access_hash <> ${accessHash}
      ), used as (
        update session_tokens set used = true where access_hash = ${accessHash}
      )
      select ${notification('sessions')}`.execute(db);
  } finally {
    tellSessionsChanged(db);
  }
}

/** The session that an access token belongs to, expired or not. One indexed look-up. */
export async function findSession(db: Db, accessHash: Buffer): Promise<FoundSession | undefined> {
  const { rows } = await sql<SessionRow>`${SESSION_ROWS} where t.access_hash = ${accessHash}`.execute(db);
  return rows[0] && toFoundSession(rows[0]);
}

/** The session that a refresh token belongs to. */
export async function findSessionByRefreshToken(
  db: Db,
  refreshHash: Buffer,
): Promise<FoundSession | undefined> {
  const { rows } = await sql<SessionRow>`${SESSION_ROWS} where t.refresh_hash = ${refreshHash}`.execute(db);
  return rows[0] && toFoundSession(rows[0]);
}

/** Where a device that is logged in was last seen. */
export interface Connection {
  readonly deviceId: DeviceId;
  readonly lastSeenTs: number | undefined;
  readonly ip: string | undefined;
  readonly userAgent: string | undefined;
}

/** The devices on which a user is logged in, by id. */
export async function listConnections(db: Db, userNid: number): Promise<Connection[]> {
  const rows = await db
    .selectFrom('sessions')
    .innerJoin('devices', (join) =>
      join
        .onRef('devices.user_nid', '=', 'sessions.user_nid')
        .onRef('devices.device_id', '=', 'sessions.device_id'),
    )
    .where('sessions.user_nid', '=', userNid)
    .orderBy('sessions.device_id')
    .select([
      'devices.device_id',
      'devices.last_seen_ts',
      'devices.last_seen_ip',
      'devices.last_seen_user_agent',
    ])
    .execute();
  return rows.map((row) => ({
    deviceId: row.device_id,
    lastSeenTs: row.last_seen_ts ?? undefined,
    ip: row.last_seen_ip ?? undefined,
    userAgent: row.last_seen_user_agent ?? undefined,
  }));
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

/** Written out, because building it anew on every request costs more than asking it. */
const SESSION_ROWS = sql.raw(`
  select s.session_nid, s.user_nid, u.user_id, s.device_id, a.is_guest, a.is_admin, a.locked_ts, a.suspended_ts,
    a.shadow_banned_ts, d.last_seen_ts, t.access_hash, t.valid_until_ts, t.used
  from session_tokens t
  join sessions s on s.session_nid = t.session_nid
  join devices d on d.user_nid = s.user_nid and d.device_id = s.device_id
  join accounts a on a.user_nid = s.user_nid
  join users u on u.user_nid = s.user_nid`);

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
