import { admitsRoomEvent, isSelective, type RoomEventFilter } from '../matrix/filters.ts';
import { memberSlot } from '../matrix/power-levels.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { currentPosition, type Db } from '../storage/database.ts';
import { listTimeline, type StoredEvent, type TimelineRange } from '../storage/events.ts';
import type { JsonObject } from '../util/json.ts';
import { renderWithBundles, type BundleDeps } from './bundles.ts';
import { readableEvent, renderEvents, type RenderDeps, type Viewer } from './client-events.ts';
import { findStateEvents, stateAt } from './read-state.ts';
import { lastPositionSeenWith, requireRoomAccess } from './room-access.ts';
import { filterVisible } from './visibility.ts';

/** What reading timelines uses. */
export type TimelineReadDeps = BundleDeps;

/** A stretch of a room's timeline as a client asks for it; positions are those of tokens. */
export interface PageRequest {
  readonly roomId: RoomId;
  readonly backwards: boolean;
  /** Where to start; undefined: at the newest event backwards, at the oldest forwards. */
  readonly from: number | undefined;
  /** Where to stop at the latest. */
  readonly to: number | undefined;
  readonly limit: number;
  readonly filter: RoomEventFilter;
}

/** A page of rendered events. */
export interface Page {
  readonly start: number;
  /** Where the next page starts; undefined when there is none, or none is known that holds anything. */
  readonly end: number | undefined;
  readonly chunk: readonly JsonObject[];
  /** The members who sent what is in the chunk, when the filter asks for lazy loading. */
  readonly state: readonly JsonObject[];
}

/** Before every position, those of backfilled events included; a token can still hold it. */
export const BEGINNING = -999_999_999_999_999;
/** So many events are looked through for one page: a filter that fits nothing must not read a whole room. */
const MOST_LOOKED_AT = 1_000;
const FEWEST_AT_ONCE = 20;

/**
 * Reads a room's timeline backwards or forwards as far as the viewer may see it. Throws 403 M_FORBIDDEN for who may not
 * look into the room at all. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages
 */
export async function readPage(deps: TimelineReadDeps, viewer: Viewer, request: PageRequest): Promise<Page> {
  const access = await requireRoomAccess(deps, request.roomId, viewer);
  const last = lastPositionSeenWith(access);
  const newest = await currentPosition(deps.db);
  const start = request.from ?? (request.backwards ? newest : BEGINNING);
  const range = request.backwards
    ? { after: request.to ?? BEGINNING, upTo: Math.min(start, last) }
    : { after: start, upTo: Math.min(request.to ?? newest, last) };
  const { events, end } = await collectEvents(deps, viewer, request, { roomNid: access.roomNid, ...range });
  return {
    start,
    end: end ?? endOfFiltered(request, events),
    chunk: await renderWithBundles(deps, events, viewer, { withRoomId: true }),
    state: request.filter.lazyLoadMembers ? await renderSenders(deps, viewer, events) : [],
  };
}

/**
 * Behind the last event of a page that a filter has made: it does not hold all that was there, so that a client takes the
 * want of an `end` for the room's own end only when a page is empty.
 */
function endOfFiltered(request: PageRequest, events: readonly StoredEvent[]): number | undefined {
  const last = events.at(-1)?.position;
  if (last === undefined || !isSelective(request.filter)) return undefined;
  return request.backwards ? last - 1 : last;
}

/** `after < position <= upTo`. */
export interface PositionRange {
  readonly roomNid: number;
  readonly after: number;
  readonly upTo: number;
}

/** Events of a range, nearest to where the reading started first. */
export interface FoundEvents {
  readonly events: readonly StoredEvent[];
  /** Where to go on; undefined when the range has no more. */
  readonly end: number | undefined;
}

/**
 * Goes through a range until enough events are found that the viewer may see and the filter admits. Of users whom the
 * viewer ignores, only state is found. `list` may choose from the range. https://spec.matrix.org/v1.19/client-server-api/#ignoring-users
 */
export async function collectEvents(
  deps: TimelineReadDeps,
  viewer: Viewer,
  request: Pick<PageRequest, 'roomId' | 'filter' | 'backwards' | 'limit'>,
  range: PositionRange,
  list: (db: Db, range: TimelineRange) => Promise<StoredEvent[]> = listTimeline,
): Promise<FoundEvents> {
  const { backwards, limit } = request;
  const events: StoredEvent[] = [];
  let { after, upTo } = range;
  let lookedAt = 0;
  while (after < upTo) {
    const batchSize = Math.max(limit - events.length + 1, FEWEST_AT_ONCE);
    const batch = await list(deps.db, {
      roomNid: range.roomNid,
      after,
      upTo,
      limit: batchSize,
      newestFirst: backwards,
    });
    const wanted = new Set(await filterWanted(deps, viewer, request, batch));
    for (const [index, event] of batch.entries()) {
      const place = event.position ?? 0;
      const isFull = events.length === limit;
      if (isFull || lookedAt >= MOST_LOOKED_AT) return { events, end: backwards ? place : place - 1 };
      lookedAt += 1;
      if (wanted.has(event)) events.push(event);
      if (index < batch.length - 1) continue;
      if (backwards) upTo = place - 1;
      else after = place;
    }
    if (batch.length < batchSize) break;
  }
  return { events, end: undefined };
}

async function filterWanted(
  deps: TimelineReadDeps,
  viewer: Viewer,
  request: Pick<PageRequest, 'roomId' | 'filter'>,
  batch: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  const admitted = batch.filter(
    (stored) =>
      (stored.stateKeyNid !== undefined || !ignored.has(stored.senderNid)) &&
      admitsRoomEvent(request.filter, request.roomId, readableEvent(stored).event),
  );
  return filterVisible(deps, admitted, viewer);
}

/** The member events of those who sent the events, as of the newest of these. */
async function renderSenders(
  deps: RenderDeps,
  viewer: Viewer,
  events: readonly StoredEvent[],
): Promise<JsonObject[]> {
  const newest = events.reduce<StoredEvent | undefined>(
    (best, event) => ((event.position ?? 0) > (best?.position ?? BEGINNING) ? event : best),
    undefined,
  );
  if (newest?.stateAfter === undefined) return [];
  const slots = new Set(events.map((stored) => memberSlot(readableEvent(stored).event.sender)));
  const members = await findStateEvents(deps, stateAt(newest.stateAfter), [...slots]);
  return renderEvents(deps, [...members.values()], viewer, { withRoomId: true });
}
