import { stateSlot } from '../matrix/event.ts';
import { historyVisibilityIn, mayReadEvent } from '../matrix/history-visibility.ts';
import { membershipIn, memberSlot } from '../matrix/power-levels.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { listMembershipsIn } from '../storage/membership-reading.ts';
import { listReplacedChain } from '../storage/state-events.ts';
import type { StateRoot } from '../storage/state-node.ts';
import type { JsonObject } from '../util/json.ts';
import { readableEvent, type Viewer } from './client-events.ts';
import { findInStates, type RoomReadDeps } from './read-state.ts';
import { membershipOf } from './room-access.ts';

const VISIBILITY_SLOT = stateSlot('m.room.history_visibility', '');

/**
 * Those of the events, of any rooms, that the viewer may see, in the order given: judged on the state at each event.
 * What never entered a timeline (rejected, soft-failed, outlier) is left out.
 * https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-5
 */
export async function filterVisible(
  deps: RoomReadDeps,
  events: readonly StoredEvent[],
  viewer: Pick<Viewer, 'userId' | 'userNid' | 'memberships'>,
): Promise<StoredEvent[]> {
  const placed = events.filter((event) => event.status === 'accepted' && event.position !== undefined);
  if (placed.length === 0) return [];
  const { lastJoins, joins } = await findLastJoins(deps, placed, viewer);
  const ownSlot = memberSlot(viewer.userId);
  const states = await findInStates(
    deps,
    placed.flatMap((event) => [event.stateBefore, event.stateAfter].filter((root) => root !== undefined)),
    [VISIBILITY_SLOT, ownSlot],
  );
  // Whoever was in the room sees the event whatever else the state says: mostly that is known without loading anything.
  const wasIn = (root: StateRoot | undefined): boolean => {
    const own = root === undefined ? undefined : states.get(root)?.get(ownSlot);
    return own !== undefined && joins.has(own);
  };
  const isCertain = (event: StoredEvent): boolean => wasIn(event.stateBefore) || wasIn(event.stateAfter);
  const contents = await loadContents(
    deps,
    placed
      .filter((event) => !isCertain(event))
      .flatMap((event) => [event.stateBefore, event.stateAfter])
      .flatMap((root) => (root === undefined ? [] : [...(states.get(root)?.values() ?? [])])),
  );
  const contentIn = (root: StateRoot, slot: typeof ownSlot): JsonObject | undefined => {
    const nid = states.get(root)?.get(slot);
    return nid === undefined ? undefined : contents.get(nid);
  };
  return placed.filter((event) => {
    if (isCertain(event)) return true;
    const joinedLater = isBefore(event.position, lastJoins.get(event.roomNid));
    // Only history visibility and own membership events change what is looked at here; those may be seen by who could
    // before or can after. For all others both states say the same.
    return [...new Set([event.stateBefore, event.stateAfter])].some((root) => {
      if (root === undefined) return false;
      const own = contentIn(root, ownSlot);
      const visibility = historyVisibilityIn(contentIn(root, VISIBILITY_SLOT));
      return mayReadEvent({
        visibility,
        membership: own === undefined ? undefined : membershipIn(own),
        joinedLater,
      });
    });
  });
}

function isBefore(position: number | undefined, lastJoin: number | undefined): boolean {
  return position !== undefined && lastJoin !== undefined && position < lastJoin;
}

async function loadContents(deps: RoomReadDeps, nids: readonly number[]): Promise<Map<number, JsonObject>> {
  const stored = await listEventsByNid(deps.db, [...new Set(nids)]);
  return new Map(stored.map((event) => [event.eventNid, readableEvent(event).event.content]));
}

interface LastJoins {
  /** By room, the position up to which the viewer counts as having joined later: Infinity while they are in the room. */
  readonly lastJoins: ReadonlyMap<number, number>;
  /** The member events by which the viewer is in rooms now. */
  readonly joins: ReadonlySet<number>;
}

async function findLastJoins(
  deps: RoomReadDeps,
  events: readonly StoredEvent[],
  { userNid, memberships }: Pick<Viewer, 'userNid' | 'memberships'>,
): Promise<LastJoins> {
  const rooms = [...new Set(events.map((event) => event.roomNid))];
  const lastJoins = new Map<number, number>();
  const joins = new Set<number>();
  const known = rooms.flatMap((roomNid) => memberships?.find(roomNid) ?? []);
  const all = known.length === rooms.length ? known : await listMembershipsIn(deps.db, rooms, userNid);
  for (const { roomNid, membership, eventNid } of all) {
    if (membership === 'join') joins.add(eventNid);
    lastJoins.set(roomNid, membership === 'join' ? Infinity : await findJoinBefore(deps, eventNid));
  }
  return { lastJoins, joins };
}

/** The position of the join that came last before a membership that is none; -Infinity when there was none. */
async function findJoinBefore(deps: RoomReadDeps, eventNid: number): Promise<number> {
  const chain = await listReplacedChain(deps.db, eventNid);
  const join = chain.find((event) => membershipOf(event) === 'join');
  return join?.position ?? -Infinity;
}
