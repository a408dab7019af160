import { memberSlot } from '../matrix/power-levels.ts';
import { readableEvent, type Viewer } from '../rooms/client-events.ts';
import { readAround } from '../rooms/read-context.ts';
import { findStateEvents, stateAt, type RoomReadDeps } from '../rooms/read-state.ts';
import type { TimelineReadDeps } from '../rooms/read-timeline.ts';
import type { RoomEventFilter } from '../matrix/filters.ts';
import type { StoredEvent } from '../storage/events.ts';
import { formatStreamToken } from '../storage/stream-token.ts';
import type { JsonObject } from '../util/json.ts';
import type { Finding } from './judge-hits.ts';

/** What of an event's surroundings is asked for. */
export interface ContextWish {
  /** How many events before and after. */
  readonly before: number;
  readonly after: number;
  /** Whether to say who the senders were then. */
  readonly includeProfile: boolean;
}

/** What surrounds a result, nearest first on both sides. */
export interface ResultContext {
  readonly before: readonly StoredEvent[];
  readonly after: readonly StoredEvent[];
  /** The rest of the answer's `context`. */
  readonly facts: JsonObject;
}

const EVERYTHING: RoomEventFilter = {
  lazyLoadMembers: false,
  includeRedundantMembers: false,
  unreadThreadNotifications: false,
};

/** Reads what surrounds a result, as far as the viewer may see it. */
export async function readResultContext(
  deps: TimelineReadDeps,
  viewer: Viewer,
  { event, last }: Finding,
  wish: ContextWish,
): Promise<ResultContext> {
  const around = await readAround(deps, viewer, event, {
    before: wish.before,
    after: wish.after,
    filter: EVERYTHING,
    last,
  });
  const events = [...around.before.toReversed(), event, ...around.after];
  return {
    before: around.before,
    after: around.after,
    facts: {
      start: formatStreamToken(around.start),
      end: formatStreamToken(around.end),
      ...(wish.includeProfile ? { profile_info: await readProfiles(deps, events) } : {}),
    },
  };
}

/** Names and avatars of those who sent the events, as of the last of them. */
async function readProfiles(deps: RoomReadDeps, events: readonly StoredEvent[]): Promise<JsonObject> {
  const root = events.at(-1)?.stateAfter;
  if (root === undefined) return {};
  const senders = [...new Set(events.map((stored) => readableEvent(stored).event.sender))];
  const members = await findStateEvents(deps, stateAt(root), senders.map(memberSlot));
  return Object.fromEntries(
    senders.flatMap((sender): [string, JsonObject][] => {
      const member = members.get(memberSlot(sender));
      return member === undefined ? [] : [[sender, profileIn(readableEvent(member).event.content)]];
    }),
  );
}

function profileIn(content: JsonObject): JsonObject {
  return Object.fromEntries(
    ['displayname', 'avatar_url'].flatMap((key): [string, string][] => {
      const value = content[key];
      return typeof value === 'string' ? [[key, value]] : [];
    }),
  );
}
