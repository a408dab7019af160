import type { EventId } from '../matrix/identifiers.ts';
import { relationIn } from '../matrix/relations.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import type { IgnoredUsers } from '../storage/ignored-users.ts';
import {
  countThreads,
  listAggregated,
  listEdits,
  listNearest,
  type AggregatedType,
  type ChildNids,
  type Parent,
} from '../storage/relations.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { readableEvent, renderEvents, type RenderDeps, type Viewer } from './client-events.ts';
import { findLastPositionsSeen } from './room-access.ts';
import { filterVisible } from './visibility.ts';

/** What reading events with their aggregations uses. */
export interface BundleDeps extends RenderDeps {
  readonly ignoredUsers: Pick<IgnoredUsers, 'of'>;
}

interface RenderOptions {
  readonly withRoomId: boolean;
}

/** So many of the newest are looked through for one that the viewer may see. */
const MOST_CANDIDATES = 5;
const MOST_REFERENCES = 100;

/**
 * Events as {@link renderEvents} gives them, message events with what aggregates their children: the latest edit, the
 * thread that starts at them, and what refers to them. Costs one query more where there are no children.
 * https://spec.matrix.org/v1.19/client-server-api/#aggregations-of-child-events
 */
export async function renderWithBundles(
  deps: BundleDeps,
  events: readonly StoredEvent[],
  viewer: Viewer,
  options: RenderOptions,
): Promise<JsonObject[]> {
  const rendered = await renderEvents(deps, events, viewer, options);
  const bundles = await findBundles(deps, events, viewer, options, 'all');
  return events.map((stored, index) => withBundle(rendered[index] ?? {}, bundles.get(stored.eventId)));
}

function withBundle(event: JsonObject, bundle: JsonObject | undefined): JsonObject {
  if (bundle === undefined || Object.keys(bundle).length === 0) return event;
  const unsigned = isJsonObject(event['unsigned']) ? event['unsigned'] : {};
  return { ...event, unsigned: { ...unsigned, 'm.relations': bundle } };
}

/** `nested`: for the last event of a thread, which starts none itself. */
type Reach = 'all' | 'nested';

async function findBundles(
  deps: BundleDeps,
  events: readonly StoredEvent[],
  viewer: Viewer,
  options: RenderOptions,
  reach: Reach,
): Promise<ReadonlyMap<EventId, JsonObject>> {
  const messages = events.filter((event) => event.stateKeyNid === undefined);
  if (messages.length === 0) return new Map();
  const aggregated = await listAggregated(
    deps.db,
    messages.map((event) => event.eventId),
  );
  if (aggregated.length === 0) return new Map();
  const parents = await listParents(deps, messages, viewer, aggregated, reach);
  const ignored = [...(await deps.ignoredUsers.of(viewer.userNid))];
  const threads = await countThreads(deps.db, parents['m.thread'], { userNid: viewer.userNid, ignored });
  const children = {
    edits: await listEdits(deps.db, parents['m.replace'], MOST_CANDIDATES),
    replies: await listNearest(deps.db, parents['m.thread'], 'm.thread', {
      limit: MOST_CANDIDATES,
      newestFirst: true,
      ignored,
    }),
    references: await listNearest(deps.db, parents['m.reference'], 'm.reference', {
      limit: MOST_REFERENCES,
      newestFirst: false,
      ignored,
    }),
  };
  const visible = await loadVisible(deps, viewer, Object.values(children));
  const edits = pickFirst(children.edits, visible, isEdit);
  const replies = pickFirst(children.replies, visible, () => true);
  const shown = await renderNested(deps, viewer, options, { edits, replies });
  const senders = new Map(messages.map((event) => [event.eventId, event.senderNid]));
  const bundles = new Map<EventId, JsonObject>();
  const add = (eventId: EventId, relType: AggregatedType, value: JsonObject): void => {
    bundles.set(eventId, { ...bundles.get(eventId), [relType]: value });
  };
  for (const [parentId, edit] of edits) add(parentId, 'm.replace', shown.get(edit.eventNid) ?? {});
  for (const [parentId, reply] of replies) {
    const { count, hasReplied } = threads.get(parentId) ?? { count: 0, hasReplied: false };
    add(parentId, 'm.thread', {
      latest_event: shown.get(reply.eventNid) ?? {},
      count,
      current_user_participated: hasReplied || senders.get(parentId) === viewer.userNid,
    });
  }
  for (const [parentId, nids] of children.references) {
    const chunk = nids.flatMap((nid) => visible.get(nid) ?? []).map((event) => ({ event_id: event.eventId }));
    if (chunk.length > 0) add(parentId, 'm.reference', { chunk });
  }
  return bundles;
}

/** Those of the events whose children are to be aggregated, by the kind of children. */
async function listParents(
  deps: BundleDeps,
  messages: readonly StoredEvent[],
  viewer: Viewer,
  aggregated: Awaited<ReturnType<typeof listAggregated>>,
  reach: Reach,
): Promise<Readonly<Record<AggregatedType, readonly Parent[]>>> {
  const lastSeen = await findLastPositionsSeen(
    deps,
    messages.map((event) => event.roomNid),
    viewer.userNid,
  );
  const byId = new Map(messages.map((event) => [event.eventId, event]));
  const listOf = (relType: AggregatedType): Parent[] =>
    aggregated
      .filter((found) => found.relType === relType)
      .flatMap(({ parentId }) => byId.get(parentId) ?? [])
      .filter((event) => mayHave(event, relType, reach))
      .map(({ eventId, roomNid }) => ({
        eventId,
        roomNid,
        upTo: lastSeen.get(roomNid) ?? Number.MAX_SAFE_INTEGER,
      }));
  return {
    'm.replace': listOf('m.replace'),
    'm.thread': listOf('m.thread'),
    'm.reference': listOf('m.reference'),
  };
}

/** Edits and what was redacted are not edited, and no thread starts in another, or on any other child. */
function mayHave(stored: StoredEvent, relType: AggregatedType, reach: Reach): boolean {
  if (relType === 'm.reference') return true;
  const own = relationIn(readableEvent(stored).event.content)?.relType;
  if (relType === 'm.thread') return reach === 'all' && own === undefined;
  return own !== 'm.replace' && stored.redactedByNid === undefined;
}

/** What an edit must have, unless it is hidden in what is encrypted. */
function isEdit(stored: StoredEvent): boolean {
  const { type, content } = readableEvent(stored).event;
  return type === 'm.room.encrypted' || isJsonObject(content['m.new_content']);
}

async function loadVisible(
  deps: BundleDeps,
  viewer: Viewer,
  children: readonly ChildNids[],
): Promise<ReadonlyMap<number, StoredEvent>> {
  const nids = children.flatMap((found) => [...found.values()].flat());
  const visible = await filterVisible(deps, await listEventsByNid(deps.db, nids), viewer);
  return new Map(visible.map((event) => [event.eventNid, event]));
}

function pickFirst(
  children: ChildNids,
  visible: ReadonlyMap<number, StoredEvent>,
  isWanted: (event: StoredEvent) => boolean,
): ReadonlyMap<EventId, StoredEvent> {
  return new Map(
    [...children].flatMap(([parentId, nids]): [EventId, StoredEvent][] => {
      const picked = nids.flatMap((nid) => visible.get(nid) ?? []).find(isWanted);
      return picked === undefined ? [] : [[parentId, picked]];
    }),
  );
}

/** The events that stand within bundles; the last ones of threads have bundles of their own. */
async function renderNested(
  deps: BundleDeps,
  viewer: Viewer,
  options: RenderOptions,
  picked: {
    readonly edits: ReadonlyMap<EventId, StoredEvent>;
    readonly replies: ReadonlyMap<EventId, StoredEvent>;
  },
): Promise<ReadonlyMap<number, JsonObject>> {
  const replies = [...picked.replies.values()];
  const events = [...picked.edits.values(), ...replies];
  const rendered = await renderEvents(deps, events, viewer, options);
  const bundles = await findBundles(deps, replies, viewer, options, 'nested');
  return new Map(
    events.map((event, index) => [
      event.eventNid,
      withBundle(rendered[index] ?? {}, bundles.get(event.eventId)),
    ]),
  );
}
