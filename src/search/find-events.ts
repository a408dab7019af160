import { invalidParam } from '../matrix/errors.ts';
import { limitOf, type RoomEventFilter } from '../matrix/filters.ts';
import { parseUserId } from '../matrix/identifiers.ts';
import type { Viewer } from '../rooms/client-events.ts';
import type { TimelineReadDeps } from '../rooms/read-timeline.ts';
import { listHits, type HitPlace, type HitQuery } from '../storage/search.ts';
import { findUserNids } from '../storage/users.ts';
import { judgeHits, type Finding, type Judgement } from './judge-hits.ts';
import type { SearchKey } from './searchable-text.ts';
import { tsQueryOf, withinRooms, type Phrase } from './search-term.ts';
import type { Group, SearchToken } from './search-token.ts';
import { listSearchedRooms } from './searched-rooms.ts';

/** What is searched for. */
export interface EventSearch {
  readonly phrases: readonly Phrase[];
  readonly keys: readonly SearchKey[];
  readonly filter: RoomEventFilter;
  readonly order: HitQuery['order'];
  readonly token: SearchToken | undefined;
}

/** A page of what was found. */
export interface FoundPage {
  readonly findings: readonly Finding[];
  /** Where the next page starts; undefined when there is none. */
  readonly next: HitPlace | undefined;
  /** How many there are on all pages; of many it is the number of those among the first thousand hits. */
  readonly count: number;
}

const RESULTS_BY_DEFAULT = 10;
const MOST_RESULTS = 100;
/** So many hits are judged for one page. What a user may not see must neither be counted nor read without end. */
const MOST_JUDGED = 1_000;
const FEWEST_AT_ONCE = 50;
/** For more rooms than these it is cheaper to look at the room of each hit. */
const MOST_ROOMS_IN_INDEX = 50;
const NOTHING: FoundPage = { findings: [], next: undefined, count: 0 };

/**
 * A page of events that fit a search and that the viewer may see. Throws 400 M_INVALID_PARAM for a token of a search in
 * another order.
 */
export async function findEvents(
  deps: TimelineReadDeps,
  viewer: Viewer,
  search: EventSearch,
): Promise<FoundPage> {
  const { token, order, filter } = search;
  if (token !== undefined && token.order !== order)
    throw invalidParam(`next_batch: the search was in the order ${token.order}`);
  if (search.phrases.length === 0) return NOTHING;
  const plan = await planSearch(deps, viewer, search);
  if (plan === undefined) return NOTHING;
  const limit = Math.max(1, limitOf(filter, RESULTS_BY_DEFAULT, MOST_RESULTS));
  const first = token?.count === undefined ? await collect(deps, viewer, plan, limit) : undefined;
  if (token === undefined) return first ?? NOTHING;
  const page = await collect(deps, viewer, plan, limit, token.after);
  return { ...page, count: token.count ?? first?.count ?? 0 };
}

interface Plan {
  readonly query: HitQuery;
  readonly judgement: Judgement;
}

/** What to ask the database; undefined when there is nothing to find. */
async function planSearch(
  deps: TimelineReadDeps,
  viewer: Viewer,
  search: EventSearch,
): Promise<Plan | undefined> {
  const group = search.token?.group;
  const { roomNids, left, filter } = await listSearchedRooms(deps, viewer, search.filter, roomOf(group));
  const senderNids = await findSenders(deps, search.filter, group);
  if (roomNids.length === 0 || senderNids?.length === 0) return undefined;
  const ranks = tsQueryOf(search.phrases);
  const rooms =
    roomNids.length > MOST_ROOMS_IN_INDEX
      ? { fits: ranks, roomNids }
      : { fits: withinRooms(ranks, roomNids), roomNids: undefined };
  return {
    query: { ...rooms, ranks, senderNids, keys: search.keys, order: search.order },
    judgement: { filter, left },
  };
}

function roomOf(group: Group | undefined): string | undefined {
  return group?.key === 'room_id' ? group.value : undefined;
}

/** Whose events are wanted; undefined for anybody's. */
async function findSenders(
  deps: Pick<TimelineReadDeps, 'db'>,
  { senders }: RoomEventFilter,
  group: Group | undefined,
): Promise<readonly number[] | undefined> {
  const grouped = group?.key === 'sender' ? group.value : undefined;
  if (senders === undefined && grouped === undefined) return undefined;
  const wanted = (senders ?? []).concat(grouped ?? []);
  const both = wanted.filter(
    (sender) => (senders?.includes(sender) ?? true) && (grouped === undefined || grouped === sender),
  );
  const userIds = both.map(parseUserId).filter((userId) => userId !== undefined);
  return [...(await findUserNids(deps.db, userIds)).values()];
}

/** Goes through hits until there are enough that pass. The first page is judged whole, as far as that is bounded. */
async function collect(
  deps: TimelineReadDeps,
  viewer: Viewer,
  { query, judgement }: Plan,
  limit: number,
  from?: HitPlace,
): Promise<FoundPage> {
  const batchSize = from === undefined ? MOST_JUDGED : Math.max(2 * limit, FEWEST_AT_ONCE);
  const findings: Finding[] = [];
  let after = from;
  for (let judged = 0; judged < MOST_JUDGED; judged += batchSize) {
    const hits = await listHits(deps.db, query, after, batchSize);
    findings.push(...(await judgeHits(deps, viewer, hits, judgement)));
    const isFull = findings.length >= limit;
    const isEnd = hits.length < batchSize;
    after = isFull ? findings[limit - 1]?.hit : isEnd ? undefined : hits.at(-1);
    if (isFull || isEnd) break;
  }
  return { findings: findings.slice(0, limit), next: after, count: findings.length };
}
