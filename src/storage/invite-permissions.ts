import { sql } from 'kysely';
import type { UserId } from '../matrix/identifiers.ts';
import { INVITE_PERMISSION_TYPES, judgeInvite, type InviteVerdict } from '../matrix/invite-permission.ts';
import { groupBy } from '../util/group-by.ts';
import type { Db } from './database.ts';

/** How some users judge invites, as their account data says. */
export interface InvitePermissions {
  of(invitee: UserId, inviter: UserId): InviteVerdict;
}

/** Loads what some users say of invites; everybody else, and who says nothing, allows them. */
export async function loadInvitePermissions(db: Db, invitees: readonly UserId[]): Promise<InvitePermissions> {
  const { rows } = await sql<{ user_id: UserId; type: string; content: string }>`
    select u.user_id, a.type, a.content from account_data a join users u on u.user_nid = a.user_nid
    where u.user_id = any(${invitees}::text[]) and a.room_nid = 0
      and a.type = any(${INVITE_PERMISSION_TYPES}::text[]) and not a.is_deleted`.execute(db);
  const contents = new Map(
    [...groupBy(rows, (row) => row.user_id)].map(([userId, own]) => [
      userId,
      new Map(own.map((row): [string, unknown] => [row.type, JSON.parse(row.content)])),
    ]),
  );
  return { of: (invitee, inviter) => judgeInvite(contents.get(invitee) ?? new Map(), inviter) };
}
