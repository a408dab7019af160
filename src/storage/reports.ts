import { sql, type Generated } from 'kysely';
import type { EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

export interface ReportTable {
  readonly report_nid: Generated<number>;
  readonly reporter_nid: number;
  readonly kind: 'event' | 'room' | 'user';
  readonly room_id: RoomId | null;
  readonly event_id: EventId | null;
  readonly user_id: UserId | null;
  readonly reason: string;
  readonly reported_ts: number;
}

export interface ReportTables {
  reports: ReportTable;
}

/** What is found inappropriate. */
export type Reported =
  | { readonly kind: 'event'; readonly roomId: RoomId; readonly eventId: EventId }
  | { readonly kind: 'room'; readonly roomId: RoomId }
  | { readonly kind: 'user'; readonly userId: UserId };

/** A report as it was made. */
export interface Report {
  readonly reporterNid: number;
  readonly reported: Reported;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly reportedTs: number;
}

/** Keeps a report. */
export async function insertReport(db: Db, report: Report): Promise<void> {
  const { reported } = report;
  await sql`
    insert into reports (reporter_nid, kind, room_id, event_id, user_id, reason, reported_ts)
    values (${report.reporterNid}, ${reported.kind}, ${'roomId' in reported ? reported.roomId : null},
      ${'eventId' in reported ? reported.eventId : null}, ${'userId' in reported ? reported.userId : null},
      ${report.reason}, ${report.reportedTs})`.execute(db);
}

/** The newest reports, newest first. */
export async function listReports(db: Db, limit: number): Promise<Report[]> {
  const { rows } = await sql<ReportTable>`
    select * from reports order by report_nid desc limit ${limit}`.execute(db);
  return rows.map((row) => ({
    reporterNid: row.reporter_nid,
    reported: reportedIn(row),
    reason: row.reason,
    reportedTs: row.reported_ts,
  }));
}

function reportedIn(row: ReportTable): Reported {
  const { kind, room_id: roomId, event_id: eventId, user_id: userId } = row;
  if (kind === 'event' && roomId !== null && eventId !== null) return { kind, roomId, eventId };
  if (kind === 'room' && roomId !== null) return { kind, roomId };
  if (kind === 'user' && userId !== null) return { kind, userId };
  throw new Error(`a report of kind ${kind} lacks what it is about`);
}
