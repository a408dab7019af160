import { limitOf } from '../matrix/filters.ts';
import { BEGINNING, collectEvents } from '../rooms/read-timeline.ts';
import type { StoredEvent } from '../storage/events.ts';
import type { SyncScope } from './provider.ts';
import type { Standing } from './standings.ts';

const LIMIT_BY_DEFAULT = 10;
const HIGHEST_LIMIT = 100;

/** The newest events of a room in a range of positions. */
export interface Timeline {
  /** Oldest first. */
  readonly events: readonly StoredEvent[];
  /** Whether the range has more that the reader may see and wants. */
  readonly isLimited: boolean;
  /** The point from which /messages goes on backwards. */
  readonly start: number;
}

/** `after < position <= upTo`; without `after` from the room's beginning. */
export interface TimelineRange {
  readonly after: number | undefined;
  readonly upTo: number;
}

/** Reads the newest events of a range that the viewer may see and the filter admits, as many as that allows. */
export async function readTimeline(
  scope: SyncScope,
  room: Pick<Standing, 'roomNid' | 'roomId'>,
  range: TimelineRange,
): Promise<Timeline> {
  const filter = scope.filter.room.timeline;
  const limit = limitOf(filter, LIMIT_BY_DEFAULT, HIGHEST_LIMIT);
  if (filter.types?.length === 0 || filter.notTypes?.includes('*') === true)
    return { events: [], isLimited: false, start: range.upTo };
  // One more than fits tells whether there are more.
  const found = await collectEvents(
    scope.deps,
    scope.viewer,
    { roomId: room.roomId, filter, backwards: true, limit: limit + 1 },
    { roomNid: room.roomNid, after: range.after ?? BEGINNING, upTo: range.upTo },
    // Many are where this client is, but few are anywhere else.
    range.after === undefined ? undefined : (_, stretch) => scope.deps.syncFeed.reads.listTimeline(stretch),
  );
  const events = found.events.slice(0, limit);
  const isLimited = found.events.length > limit || found.end !== undefined;
  const start = found.events.length > limit ? undefined : found.end;
  return { events: events.toReversed(), isLimited, start: start ?? startOf(events.at(-1), range.upTo) };
}

/** The point right before the oldest event; where there is none, everything lies before the end. */
function startOf(oldest: StoredEvent | undefined, upTo: number): number {
  return oldest?.position === undefined ? upTo : oldest.position - 1;
}
