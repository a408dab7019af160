import { admitsRoomEvent, type RoomEventFilter } from '../matrix/filters.ts';
import type { EventId } from '../matrix/identifiers.ts';
import { relationIn } from '../matrix/relations.ts';
import type { BundleDeps } from '../rooms/bundles.ts';
import { readableEvent, type Viewer } from '../rooms/client-events.ts';
import { findLastPositionsSeen } from '../rooms/room-access.ts';
import { filterVisible } from '../rooms/visibility.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { listEdits, type ChildNids } from '../storage/relations.ts';
import type { Hit } from '../storage/search.ts';
import { isJsonObject } from '../util/json.ts';

/** An event that a search has found, and that its viewer may see. */
export interface Finding {
  readonly hit: Hit;
  readonly event: StoredEvent;
  /** The event that holds the text: the same one, or its latest edit. */
  readonly version: StoredEvent;
  /** The last position that the viewer may read in the room. */
  readonly last: number;
}

/** What decides beside the words. */
export interface Judgement {
  readonly filter: RoomEventFilter;
  /** Rooms that the viewer is not in any more. */
  readonly left: ReadonlySet<number>;
}

/** So many of the newest edits are looked through for one that the viewer may see. */
const MOST_EDITS = 5;

/**
 * Those of the hits, in order, whose events the viewer may see and the filter admits. An event that was edited is found
 * by what it says for this viewer: by the newest edit that they may see, and not by what that has replaced. Redacted
 * events are not found at all, and messages of ignored users are not either.
 */
export async function judgeHits(
  deps: BundleDeps,
  viewer: Viewer,
  hits: readonly Hit[],
  judgement: Judgement,
): Promise<Finding[]> {
  const nids = new Set(hits.flatMap((hit) => [hit.shownNid, hit.eventNid]));
  const stored = new Map((await listEventsByNid(deps.db, [...nids])).map((event) => [event.eventNid, event]));
  const shown = new Set(hits.flatMap((hit) => stored.get(hit.shownNid) ?? []));
  const lastOf = await findLastPositions(deps, viewer, [...shown], judgement);
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  const admitted = [...shown].filter(
    (event) =>
      event.redactedByNid === undefined &&
      (event.position ?? 0) <= lastOf(event.roomNid) &&
      (event.stateKeyNid !== undefined || !ignored.has(event.senderNid)) &&
      admitsRoomEvent(judgement.filter, event.roomId, readableEvent(event).event),
  );
  const visible = await filterVisible(deps, admitted, viewer);
  const versions = await findVersions(deps, viewer, visible, lastOf);
  return hits.flatMap((hit): Finding[] => {
    const event = stored.get(hit.shownNid);
    const version = stored.get(hit.eventNid);
    if (event === undefined || version === undefined) return [];
    if (versions.get(event.eventNid) !== version.eventNid) return [];
    return [{ hit, event, version, last: lastOf(event.roomNid) }];
  });
}

/** How far the viewer may read in rooms: nowhere in one that they have left and never been in. */
async function findLastPositions(
  deps: Pick<BundleDeps, 'db'>,
  viewer: Pick<Viewer, 'userNid'>,
  events: readonly StoredEvent[],
  { left }: Judgement,
): Promise<(roomNid: number) => number> {
  const rooms = events.map((event) => event.roomNid).filter((roomNid) => left.has(roomNid));
  const seen = rooms.length === 0 ? new Map() : await findLastPositionsSeen(deps, rooms, viewer.userNid);
  return (roomNid) =>
    seen.get(roomNid) ?? (left.has(roomNid) ? Number.NEGATIVE_INFINITY : Number.MAX_SAFE_INTEGER);
}

/** By event, the one whose text it shows now. */
async function findVersions(
  deps: BundleDeps,
  viewer: Viewer,
  events: readonly StoredEvent[],
  lastOf: (roomNid: number) => number,
): Promise<ReadonlyMap<number, number>> {
  const editable = events.filter((event) => event.stateKeyNid === undefined && !isReplacement(event));
  const edits = await listEdits(
    deps.db,
    editable.map(({ eventId, roomNid }) => ({ eventId, roomNid, upTo: lastOf(roomNid) })),
    MOST_EDITS,
  );
  const newest = await pickVisible(deps, viewer, edits);
  return new Map(events.map((event) => [event.eventNid, newest.get(event.eventId) ?? event.eventNid]));
}

function isReplacement(event: StoredEvent): boolean {
  return relationIn(readableEvent(event).event.content)?.relType === 'm.replace';
}

async function pickVisible(
  deps: BundleDeps,
  viewer: Viewer,
  edits: ChildNids,
): Promise<ReadonlyMap<EventId, number>> {
  const stored = await listEventsByNid(deps.db, [...edits.values()].flat());
  const visible = await filterVisible(deps, stored, viewer);
  const valid = new Set(
    visible
      .filter((event) => isJsonObject(readableEvent(event).event.content['m.new_content']))
      .map((event) => event.eventNid),
  );
  return new Map(
    [...edits].flatMap(([eventId, nids]): [EventId, number][] => {
      const nid = nids.find((candidate) => valid.has(candidate));
      return nid === undefined ? [] : [[eventId, nid]];
    }),
  );
}
