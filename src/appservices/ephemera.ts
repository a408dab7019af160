import { shownPart } from '../accounts/profiles.ts';
import { stateAt } from '../ephemeral/presence-state.ts';
import { renderReceipts } from '../ephemeral/render-receipts.ts';
import { coversUser, type Appservice } from '../matrix/appservices.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { listEphemeralRooms, type EphemeralRoom } from '../storage/ephemeral-changes.ts';
import { listPresenceIn } from '../storage/presence.ts';
import { listProfiles } from '../storage/profiles.ts';
import { listAllReceipts } from '../storage/receipts.ts';
import { listTypers } from '../storage/typing.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';
import { pickOwnRooms } from './interest.ts';

interface EphemeraDeps extends RoomReadDeps {
  readonly clock: Clock;
}

/** The positions that are looked at: those in `(after, upTo]`. */
interface Stretch {
  readonly after: number;
  readonly upTo: number;
}

/**
 * Who types, who has read how far and who is there, as far as that has changed, in rooms that concern an application
 * service; nothing for one that has not asked for it. Private receipts are only those of its own users.
 * https://spec.matrix.org/v1.19/application-service-api/#pushing-ephemeral-data
 */
export async function listEphemera(
  deps: EphemeraDeps,
  appservice: Appservice,
  stretch: Stretch,
): Promise<JsonObject[]> {
  if (!appservice.receivesEphemeral) return [];
  const changed = await listEphemeralRooms(deps.db, stretch.after, stretch.upTo);
  const rooms = await pickOwnRooms(deps, appservice, changed);
  if (rooms.length === 0) return [];
  return [
    ...(await listTyping(deps, rooms)),
    ...(await listReceipts(deps, appservice, rooms, stretch)),
    ...(await listPresence(deps, rooms, stretch)),
  ];
}

async function listTyping(deps: EphemeraDeps, rooms: readonly EphemeralRoom[]): Promise<JsonObject[]> {
  const changed = rooms.filter((room) => room.isTypingNews);
  const typers = await listTypers(
    deps.db,
    changed.map(({ roomNid }) => roomNid),
    deps.clock.nowMs(),
  );
  return changed.map(({ roomNid, roomId }) => ({
    type: 'm.typing',
    room_id: roomId,
    content: {
      user_ids: typers.filter((typer) => typer.roomNid === roomNid).map(({ userId }) => userId),
    },
  }));
}

async function listReceipts(
  deps: EphemeraDeps,
  appservice: Appservice,
  rooms: readonly EphemeralRoom[],
  { after, upTo }: Stretch,
): Promise<JsonObject[]> {
  const roomNids = rooms.map(({ roomNid }) => roomNid);
  const receipts = await listAllReceipts(deps.db, roomNids, after, upTo);
  const heard = receipts.filter(({ type, userId }) => type === 'm.read' || coversUser(appservice, userId));
  return rooms.flatMap(({ roomNid, roomId }) =>
    renderReceipts(heard.filter((receipt) => receipt.roomNid === roomNid)).map((event) => ({
      ...event,
      room_id: roomId,
    })),
  );
}

async function listPresence(
  deps: EphemeraDeps,
  rooms: readonly EphemeralRoom[],
  { after, upTo }: Stretch,
): Promise<JsonObject[]> {
  const roomNids = rooms.map(({ roomNid }) => roomNid);
  const found = await listPresenceIn(deps.db, roomNids, after, upTo);
  const profiles = await listProfiles(
    deps.db,
    found.map(({ userNid }) => userNid),
  );
  const nowMs = deps.clock.nowMs();
  return found.map((one) => {
    const state = stateAt(one, nowMs);
    return {
      type: 'm.presence',
      sender: one.userId,
      content: {
        ...shownPart(profiles.get(one.userNid) ?? new Map()),
        presence: state,
        last_active_ago: Math.max(0, nowMs - one.lastActiveTs),
        currently_active: state === 'online',
        ...(one.statusMsg === undefined ? {} : { status_msg: one.statusMsg }),
      },
    };
  });
}
