import { BEGINNING } from '../rooms/read-timeline.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { listStickyEvents as listStored, type StickyEvent } from '../storage/sticky-events.ts';
import { groupBy } from '../util/group-by.ts';
import type { SyncReadDeps, SyncScope } from './provider.ts';
import type { Standing } from './standings.ts';

const MOST_NEW_STICKY = 100;

/** Sticky events that are news to a client, as many as one answer holds. */
export interface NewSticky {
  readonly events: readonly StickyEvent[];
  /** Up to here there are no others: the answer must not claim to be newer. */
  readonly upTo: number;
}

/**
 * The sticky events after a position in rooms that the user is in, or fewer of them and a nearer end: what is left is
 * in the next answer. https://github.com/matrix-org/matrix-spec-proposals/pull/4354
 */
export async function readNewSticky(
  deps: Pick<SyncReadDeps, 'db' | 'clock' | 'syncFeed'>,
  roomNids: ReadonlySet<number>,
  since: number | undefined,
  upTo: number,
): Promise<NewSticky> {
  if (since === undefined) return { events: [], upTo };
  const changed = await deps.syncFeed.listRoomsWithNews(roomNids, since, upTo);
  const events = await listStored(deps.db, {
    roomNids: [...changed],
    after: since,
    upTo,
    nowMs: deps.clock.nowMs(),
    limit: MOST_NEW_STICKY,
  });
  const last = events.at(-1);
  return { events, upTo: last === undefined || events.length < MOST_NEW_STICKY ? upTo : last.position };
}

/**
 * What is sticky in each of some joined rooms and is to be sent, oldest first: what is new, and everything where the
 * client had not the room yet. Any member may see it, whatever the history visibility. Of users whom the viewer
 * ignores, only state is.
 */
export async function listStickyEvents(
  scope: SyncScope,
  rooms: readonly Standing[],
): Promise<ReadonlyMap<number, readonly StoredEvent[]>> {
  const { deps, viewer, upTo } = scope;
  const fresh = new Set(rooms.filter((room) => room.before !== 'join').map((room) => room.roomNid));
  const known = new Set(rooms.filter((room) => !fresh.has(room.roomNid)).map((room) => room.roomNid));
  const recent = (await scope.newSticky).events.filter(
    (event) => known.has(event.roomNid) && event.position <= upTo,
  );
  // All of them, which is what the proposal asks for: an hour and who may send there are what limits them.
  const whole = await listStored(deps.db, {
    roomNids: [...fresh],
    after: BEGINNING,
    upTo,
    nowMs: deps.clock.nowMs(),
  });
  if (recent.length + whole.length === 0) return new Map();
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  const nids = [...whole, ...recent].map((event) => event.eventNid);
  const events = (await listEventsByNid(deps.db, nids))
    .filter((event) => event.stateKeyNid !== undefined || !ignored.has(event.senderNid))
    .toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0));
  return groupBy(events, (event) => event.roomNid);
}

/** Sticky events but for those that the client is sent in the timeline. */
export function withoutShown(sticky: readonly StoredEvent[], shown: readonly StoredEvent[]): StoredEvent[] {
  const nids = new Set(shown.map((event) => event.eventNid));
  return sticky.filter((event) => !nids.has(event.eventNid));
}
