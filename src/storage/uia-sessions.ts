import type { Db } from './database.ts';

export interface UiaSessionTable {
  readonly session_id: string;
  readonly action: string;
  readonly user_nid: number | null;
  readonly request_hash: Buffer | null;
  readonly completed: readonly string[];
  readonly registration_token: string | null;
  readonly expires_ts: number;
}

export interface UiaSessionTables {
  uia_sessions: UiaSessionTable;
}

/** A user-interactive authentication under way. */
export interface UiaSession {
  readonly sessionId: string;
  readonly action: string;
  readonly userNid: number | undefined;
  readonly requestHash: Buffer | undefined;
  readonly completed: readonly string[];
  readonly registrationToken: string | undefined;
}

/** Stores a session, or the stages that it has passed since. */
export async function saveUiaSession(db: Db, session: UiaSession, expiresTs: number): Promise<void> {
  const progress = {
    completed: [...session.completed],
    registration_token: session.registrationToken ?? null,
    expires_ts: expiresTs,
  };
  await db
    .insertInto('uia_sessions')
    .values({
      session_id: session.sessionId,
      action: session.action,
      user_nid: session.userNid ?? null,
      request_hash: session.requestHash ?? null,
      ...progress,
    })
    .onConflict((conflict) => conflict.column('session_id').doUpdateSet(progress))
    .execute();
}

/** The session, unless it has expired. */
export async function findUiaSession(
  db: Db,
  sessionId: string,
  nowTs: number,
): Promise<UiaSession | undefined> {
  const row = await db
    .selectFrom('uia_sessions')
    .selectAll()
    .where('session_id', '=', sessionId)
    .where('expires_ts', '>', nowTs)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    sessionId: row.session_id,
    action: row.action,
    userNid: row.user_nid ?? undefined,
    requestHash: row.request_hash ?? undefined,
    completed: row.completed,
    registrationToken: row.registration_token ?? undefined,
  };
}

/** Ends a session; true for exactly one of those who end it at the same time. */
export async function takeUiaSession(db: Db, sessionId: string): Promise<boolean> {
  const result = await db.deleteFrom('uia_sessions').where('session_id', '=', sessionId).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Forgets sessions that were not completed in time. */
export async function deleteExpiredUiaSessions(db: Db, nowTs: number): Promise<void> {
  await db.deleteFrom('uia_sessions').where('expires_ts', '<=', nowTs).execute();
}
