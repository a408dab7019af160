import { sql } from 'kysely';
import type { RoomId } from '../matrix/identifiers.ts';
import type { Db } from './database.ts';

/** A room in which something ephemeral may have changed. */
export interface EphemeralRoom {
  readonly roomNid: number;
  readonly roomId: RoomId;
  /** Whether the list of who types there did. */
  readonly isTypingNews: boolean;
}

/** The rooms in which who types, receipts, or the presence of a member changed in `(after, upTo]`. */
export async function listEphemeralRooms(db: Db, after: number, upTo: number): Promise<EphemeralRoom[]> {
  const { rows } = await sql<{ room_nid: number; room_id: RoomId; is_typing: boolean }>`
    select r.room_nid, r.room_id, bool_or(changed.is_typing) as is_typing
    from (
      select room_nid, true as is_typing from typing_changes where position > ${after} and position <= ${upTo}
      union all
      select room_nid, false from receipts where position > ${after} and position <= ${upTo}
      union all
      select m.room_nid, false from presence p
      join memberships m on m.user_nid = p.user_nid and m.membership = 'join'
      where p.position > ${after} and p.position <= ${upTo}
    ) as changed join rooms r on r.room_nid = changed.room_nid
    group by r.room_nid, r.room_id order by r.room_nid`.execute(db);
  return rows.map((row) => ({ roomNid: row.room_nid, roomId: row.room_id, isTypingNews: row.is_typing }));
}
