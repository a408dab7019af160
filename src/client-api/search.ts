import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { parseRoomEventFilter } from '../matrix/filters.ts';
import { searchEvents, type SearchDeps, type SearchRequest } from '../search/search-events.ts';
import { parseSearchToken } from '../search/search-token.ts';
import { SEARCH_KEYS } from '../search/searchable-text.ts';
import { oldPath } from './room-fields.ts';

const SEARCH = '/_matrix/client/v3/search';
const EVENTS_AROUND_BY_DEFAULT = 5;
const MOST_EVENTS_AROUND = 50;

const aroundField = z
  .int()
  .min(0)
  .transform((count) => Math.min(count, MOST_EVENTS_AROUND))
  .default(EVENTS_AROUND_BY_DEFAULT);

const roomEventsBody = z.object({
  search_term: z.string(),
  keys: z.array(z.enum(SEARCH_KEYS)).nullish(),
  filter: z.record(z.string(), z.unknown()).nullish(),
  order_by: z.enum(['rank', 'recent']).nullish(),
  event_context: z
    .object({
      before_limit: aroundField,
      after_limit: aroundField,
      include_profile: z.boolean().default(false),
    })
    .nullish(),
  include_state: z.boolean().nullish(),
  groupings: z
    .object({ group_by: z.array(z.object({ key: z.enum(['room_id', 'sender']) })).nullish() })
    .nullish(),
});

function readRequest(body: z.infer<typeof roomEventsBody>, nextBatch: string | undefined): SearchRequest {
  const { event_context: around } = body;
  return {
    term: body.search_term,
    keys: body.keys ?? SEARCH_KEYS,
    filter: parseRoomEventFilter(body.filter ?? {}),
    order: body.order_by ?? 'rank',
    context: around
      ? {
          before: around.before_limit,
          after: around.after_limit,
          includeProfile: around.include_profile,
        }
      : undefined,
    includeState: body.include_state ?? false,
    groupBy: [...new Set(body.groupings?.group_by?.map(({ key }) => key))],
    token: nextBatch === undefined ? undefined : parseSearchToken(nextBatch),
  };
}

const search = endpoint({
  name: 'search',
  method: 'POST',
  path: SEARCH,
  alsoAt: [oldPath(SEARCH)],
  auth: 'user',
  rateLimit: 'search',
  // Clients send an empty token for the first page.
  query: z.object({ next_batch: z.string().optional() }),
  body: z.object({ search_categories: z.object({ room_events: roomEventsBody.nullish() }) }),
  handle: async (deps: SearchDeps, { query, body, requester, live }) => {
    const { room_events: wanted } = body.search_categories;
    if (!wanted) return { body: { search_categories: {} } };
    const request = readRequest(wanted, query.next_batch === '' ? undefined : query.next_batch);
    const found = await searchEvents(deps, requester, request, live.signal);
    return { body: { search_categories: { room_events: found } } };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#server-side-search */
export const searchEndpoints: readonly Endpoint<SearchDeps>[] = [search];
