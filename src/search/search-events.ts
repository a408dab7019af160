import { renderWithBundles } from '../rooms/bundles.ts';
import { readableEvent, renderEvents, type Viewer } from '../rooms/client-events.ts';
import { listStateEvents } from '../rooms/read-state.ts';
import type { TimelineReadDeps } from '../rooms/read-timeline.ts';
import { requireRoomAccess, stateSeenWith } from '../rooms/room-access.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import { findEvents, type EventSearch, type FoundPage } from './find-events.ts';
import type { Finding } from './judge-hits.ts';
import { readResultContext, type ContextWish, type ResultContext } from './result-context.ts';
import type { SearchIndex } from './search-index.ts';
import { findMatches, parseSearchTerm, type Phrase } from './search-term.ts';
import { formatSearchToken, type Group, type GroupKey } from './search-token.ts';
import { searchableText } from './searchable-text.ts';

export interface SearchDeps extends TimelineReadDeps {
  readonly searchIndex: Pick<SearchIndex, 'catchUp'>;
}

/** A search as a client asks for it. */
export interface SearchRequest extends Omit<EventSearch, 'phrases'> {
  readonly term: string;
  readonly context: ContextWish | undefined;
  readonly includeState: boolean;
  readonly groupBy: readonly GroupKey[];
}

/**
 * What the category `room_events` of a search answers: a page of the events that fit and that the viewer may see, among
 * all that was committed before the call. Throws 400 M_INVALID_PARAM for a token that does not go with the request.
 * https://spec.matrix.org/v1.19/client-server-api/#server-side-search
 */
export async function searchEvents(
  deps: SearchDeps,
  viewer: Viewer,
  request: SearchRequest,
  signal: AbortSignal,
): Promise<JsonObject> {
  await deps.searchIndex.catchUp(signal);
  const phrases = parseSearchTerm(request.term);
  const page = await findEvents(deps, viewer, { ...request, phrases });
  const tokenOf = (group: Group | undefined): JsonObject =>
    page.next === undefined
      ? {}
      : {
          next_batch: formatSearchToken({
            order: request.order,
            after: page.next,
            group,
            count: isSameGroup(group, request.token?.group) ? page.count : undefined,
          }),
        };
  return {
    count: page.count,
    highlights: highlightsOf(page, phrases),
    results: await renderResults(deps, viewer, page, request.context),
    ...(request.includeState ? { state: await renderState(deps, viewer, page) } : {}),
    ...(request.groupBy.length === 0
      ? {}
      : { groups: Object.fromEntries(request.groupBy.map((key) => [key, groupBy(key, page, tokenOf)])) }),
    // Whoever asks for more of a group gets more of that group.
    ...tokenOf(request.token?.group),
  };
}

function isSameGroup(one: Group | undefined, other: Group | undefined): boolean {
  return one?.key === other?.key && one?.value === other?.value;
}

function highlightsOf({ findings }: FoundPage, phrases: readonly Phrase[]): JsonValue {
  const found = new Set<string>();
  for (const { event, version } of findings) {
    const { type, content } = readableEvent(version).event;
    const text = searchableText(type, content, version !== event)?.text ?? '';
    for (const match of findMatches(text, phrases)) found.add(match);
  }
  return [...found];
}

/** Results in their order; the events of all of them are rendered together. */
async function renderResults(
  deps: SearchDeps,
  viewer: Viewer,
  { findings }: FoundPage,
  wish: ContextWish | undefined,
): Promise<JsonObject[]> {
  const results: { readonly finding: Finding; readonly context: ResultContext | undefined }[] = [];
  for (const finding of findings) {
    const context = wish === undefined ? undefined : await readResultContext(deps, viewer, finding, wish);
    results.push({ finding, context });
  }
  const events = results.flatMap(({ finding, context }) => [
    finding.event,
    ...(context === undefined ? [] : [...context.before, ...context.after]),
  ]);
  const rendered = await renderWithBundles(deps, events, viewer, { withRoomId: true });
  let taken = 0;
  const take = (count: number): JsonObject[] => rendered.slice(taken, (taken += count));
  return results.map(({ finding, context }) => {
    const [result = {}] = take(1);
    if (context === undefined) return { rank: finding.hit.rank, result };
    const before = take(context.before.length);
    const after = take(context.after.length);
    return {
      rank: finding.hit.rank,
      result,
      context: { ...context.facts, events_before: before, events_after: after },
    };
  });
}

/** The state of each room of the results, as far as the viewer sees it. */
async function renderState(deps: SearchDeps, viewer: Viewer, { findings }: FoundPage): Promise<JsonObject> {
  const state: Record<string, JsonValue> = {};
  for (const roomId of new Set(findings.map(({ event }) => event.roomId))) {
    const access = await requireRoomAccess(deps, roomId, viewer);
    const events = await listStateEvents(deps, stateSeenWith(access));
    state[roomId] = await renderEvents(deps, events, viewer, { withRoomId: true });
  }
  return state;
}

/** The results of each room or sender, the group of the first result first. */
function groupBy(key: GroupKey, { findings }: FoundPage, tokenOf: (group: Group) => JsonObject): JsonObject {
  const groups = new Map<string, string[]>();
  for (const { event } of findings) {
    const value = key === 'room_id' ? event.roomId : readableEvent(event).event.sender;
    groups.set(value, [...(groups.get(value) ?? []), event.eventId]);
  }
  return Object.fromEntries(
    [...groups].map(([value, results], order) => [value, { order, results, ...tokenOf({ key, value }) }]),
  );
}
