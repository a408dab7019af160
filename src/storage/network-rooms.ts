import { sql } from 'kysely';
import type { ThirdPartyInstance } from '../matrix/third-party-instance.ts';
import type { Db } from './database.ts';

export interface NetworkRoomTable {
  readonly appservice_id: string;
  readonly network_id: string;
  readonly room_nid: number;
  readonly published_ts: number;
}

export interface NetworkRoomTables {
  network_rooms: NetworkRoomTable;
}

/** Puts a room into the directory of a network or takes it out. */
export async function setNetworkPublished(
  db: Db,
  { appserviceId, networkId }: ThirdPartyInstance,
  roomNid: number,
  published: boolean,
  nowMs: number,
): Promise<void> {
  await (
    published
      ? sql`
        insert into network_rooms (appservice_id, network_id, room_nid, published_ts)
        values (${appserviceId}, ${networkId}, ${roomNid}, ${nowMs}) on conflict do nothing`
      : sql`
        delete from network_rooms
        where appservice_id = ${appserviceId} and network_id = ${networkId} and room_nid = ${roomNid}`
  ).execute(db);
}
