import { admitsRoom } from '../matrix/filters.ts';
import { toClientEvent, toStrippedState } from '../matrix/client-event.ts';
import { isStateEvent, stateSlot, type StateEvent, type StateSlot } from '../matrix/event.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { memberSlot } from '../matrix/power-levels.ts';
import { readableEvent } from '../rooms/client-events.ts';
import { findStateEvents, stateAt } from '../rooms/read-state.ts';
import { listStateRootsAt } from '../storage/sync-reading.ts';
import type { StateRoot } from '../storage/state-node.ts';
import type { JsonObject } from '../util/json.ts';
import { withoutIgnoredInvites } from './ignored-invites.ts';
import { mapTogether } from './map-together.ts';
import type { SyncPart, SyncProvider, SyncScope } from './provider.ts';
import type { Standing } from './standings.ts';

/** What people outside a room are told of it. https://spec.matrix.org/v1.19/client-server-api/#stripped-state */
const STRIPPED_SLOTS = [
  'm.room.create',
  'm.room.join_rules',
  'm.room.name',
  'm.room.avatar',
  'm.room.topic',
  'm.room.canonical_alias',
  'm.room.encryption',
].map((type) => stateSlot(type, ''));

/** The rooms that the user is invited to or knocks on, each when that changed. */
export const invitedRooms: SyncProvider = {
  initial: (scope) => readRooms(scope, scope.standings.all),
  since: (scope) => readRooms(scope, scope.fullState ? scope.standings.all : scope.standings.changed),
};

async function readRooms(scope: SyncScope, rooms: readonly Standing[]): Promise<SyncPart> {
  const wanted = rooms.filter((room) => admitsRoom(scope.filter.room, room.roomId));
  if (wanted.length === 0) return {};
  return {
    rooms: {
      invite: await readSection(scope, wanted, 'invite', 'invite_state'),
      knock: await readSection(scope, wanted, 'knock', 'knock_state'),
    },
  };
}

async function readSection(
  scope: SyncScope,
  rooms: readonly Standing[],
  membership: 'invite' | 'knock',
  key: string,
): Promise<ReadonlyMap<RoomId, JsonObject>> {
  const all = rooms.filter((room) => room.membership === membership);
  const entries = await mapTogether(
    membership === 'invite' ? await withoutIgnoredInvites(scope, all) : all,
    async (room): Promise<[RoomId, JsonObject]> => [
      room.roomId,
      { [key]: { events: await listStrippedState(scope, room) } },
    ],
  );
  return new Map(entries);
}

/**
 * The room as it was when the invite or knock was sent, with the member event of who invites and, last, of the viewer.
 * Other servers have always sent that one whole, and clients show its time; MSC4319 names it as what they may look for.
 */
async function listStrippedState(scope: SyncScope, room: Standing): Promise<JsonObject[]> {
  const { deps, viewer } = scope;
  const roots = await listStateRootsAt(deps.db, room.roomNid, [room.position]);
  const root = roots.get(room.position);
  if (root === undefined) return [];
  const ownSlot = memberSlot(viewer.userId);
  const state = await readState(deps, root, [...STRIPPED_SLOTS, ownSlot]);
  const own = state.find((event) => stateSlot(event.type, event.stateKey) === ownSlot);
  const inviter = own === undefined || own.sender === viewer.userId ? [] : [memberSlot(own.sender)];
  const others = [...state.filter((event) => event !== own), ...(await readState(deps, root, inviter))];
  return [
    ...others.map(toStrippedState),
    ...(own === undefined ? [] : [toClientEvent(own, { withRoomId: false })]),
  ];
}

/** What the slots of a state hold, in their order. */
async function readState(
  deps: SyncScope['deps'],
  root: StateRoot,
  slots: readonly StateSlot[],
): Promise<StateEvent[]> {
  if (slots.length === 0) return [];
  const found = await findStateEvents(deps, stateAt(root), slots);
  return slots.flatMap((slot) => {
    const stored = found.get(slot);
    const event = stored === undefined ? undefined : readableEvent(stored).event;
    return event !== undefined && isStateEvent(event) ? [event] : [];
  });
}
