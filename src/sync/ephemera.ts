import { admitsRoom, admitsRoomEvent } from '../matrix/filters.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { listReceipts } from '../storage/receipts.ts';
import { listTypers, listTypingChanges } from '../storage/typing.ts';
import type { JsonObject } from '../util/json.ts';
import type { SyncPart, SyncProvider, SyncScope } from './provider.ts';
import { renderReceipts } from '../ephemeral/render-receipts.ts';
import { isJoined, type Standing } from './standings.ts';

/** Before everything that has a position. */
const NOTHING_YET = -1;

/**
 * Who types and who has read how far, in the rooms that the user is in; of those whom the user ignores, nothing.
 * https://spec.matrix.org/v1.19/client-server-api/#typing-notifications
 */
export const ephemera: SyncProvider = {
  initial: async (scope) => render(scope, await readNew(scope, scope.standings.all.filter(isJoined))),
  since: async (scope, since) => {
    const { standings, deps } = scope;
    const changed = deps.syncFeed.listRoomsWithEphemera(standings.joined, since);
    if (changed.length + standings.newlyJoined.length === 0) return {};
    const known = changed
      .flatMap((roomNid) => standings.find(roomNid) ?? [])
      .filter((room) => room.before === 'join');
    const news = await readNew(scope, standings.newlyJoined);
    return render(scope, [...news, ...(await readChanged(scope, known, since))]);
  },
};

/** One ephemeral event of a room. */
interface RoomEphemeron {
  readonly roomNid: number;
  readonly event: JsonObject & { readonly type: string; readonly content: JsonObject };
}

function listAdmitted(scope: SyncScope, rooms: readonly Standing[]): number[] {
  return rooms.filter((room) => admitsRoom(scope.filter.room, room.roomId)).map((room) => room.roomNid);
}

/** All of rooms that the client had not; that nobody types there it knows. */
async function readNew(scope: SyncScope, rooms: readonly Standing[]): Promise<RoomEphemeron[]> {
  const roomNids = listAdmitted(scope, rooms);
  const typing = await readTyping(scope, roomNids);
  return [
    ...typing.filter(({ event }) => event.content.user_ids.length > 0),
    ...(await readReceipts(scope, roomNids, NOTHING_YET)),
  ];
}

async function readChanged(
  scope: SyncScope,
  rooms: readonly Standing[],
  since: number,
): Promise<RoomEphemeron[]> {
  const roomNids = listAdmitted(scope, rooms);
  const typing = await listTypingChanges(scope.deps.db, roomNids, since, scope.upTo);
  return [...(await readTyping(scope, typing)), ...(await readReceipts(scope, roomNids, since))];
}

async function readTyping(scope: SyncScope, roomNids: readonly number[]) {
  const { deps, viewer } = scope;
  if (roomNids.length === 0) return [];
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  const typers = await listTypers(deps.db, roomNids, deps.clock.nowMs());
  const heard = typers.filter((typer) => !ignored.has(typer.userNid));
  return roomNids.map((roomNid) => {
    const userIds = heard.filter((typer) => typer.roomNid === roomNid).map((typer) => typer.userId);
    return { roomNid, event: { type: 'm.typing', content: { user_ids: userIds } } };
  });
}

async function readReceipts(
  scope: SyncScope,
  roomNids: readonly number[],
  after: number,
): Promise<RoomEphemeron[]> {
  const { deps, viewer, upTo } = scope;
  if (roomNids.length === 0) return [];
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  const receipts = await listReceipts(deps.db, viewer.userNid, roomNids, after, upTo);
  const heard = receipts.filter((receipt) => !ignored.has(receipt.userNid));
  return roomNids.flatMap((roomNid) =>
    renderReceipts(heard.filter((receipt) => receipt.roomNid === roomNid)).map((event) => ({
      roomNid,
      event,
    })),
  );
}

function render(scope: SyncScope, found: readonly RoomEphemeron[]): SyncPart {
  const byRoom = new Map<RoomId, JsonObject[]>();
  for (const { roomNid, event } of found) {
    const roomId = scope.standings.find(roomNid)?.roomId;
    if (roomId === undefined || !admitsRoomEvent(scope.filter.room.ephemeral, roomId, event)) continue;
    byRoom.set(roomId, [...(byRoom.get(roomId) ?? []), event]);
  }
  return {
    rooms: { join: new Map([...byRoom].map(([roomId, events]) => [roomId, { ephemeral: { events } }])) },
  };
}
