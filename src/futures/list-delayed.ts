import { invalidParam, notFound } from '../matrix/errors.ts';
import type { FutureStatus } from '../matrix/futures.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import {
  findFuture,
  listFuturesOfUser,
  type FutureAlternative,
  type StoredFuture,
} from '../storage/futures.ts';
import type { JsonObject } from '../util/json.ts';
import { readContent } from './describe-seed.ts';
import { failureOf } from './ending.ts';
import type { FutureDeps } from './future-deps.ts';
import { FINAL_STICKY_PARAMETER, STICKY_PARAMETER } from './sticky-request.ts';

const PAGE = 100;
const FINALISED: readonly FutureStatus[] = ['sent', 'superseded', 'cancelled', 'failed'];

/** The `status` filter in the words of all drafts. */
const STATUS_FILTERS: ReadonlyMap<string, readonly FutureStatus[]> = new Map([
  ['scheduled', ['pending']],
  ['finalised', FINALISED],
  ['sent', ['sent']],
  ['send', ['sent']],
  ['cancelled', ['cancelled']],
  ['cancel', ['cancelled']],
  ['failed', ['failed', 'superseded']],
  ['error', ['failed', 'superseded']],
]);

/** What a listing may be narrowed to. Times are milliseconds since the epoch, of the intended sending. */
export interface DelayedFilter {
  readonly status?: string | undefined;
  readonly roomId?: RoomId | undefined;
  readonly type?: string | undefined;
  readonly fromTs?: number | undefined;
  readonly toTs?: number | undefined;
  readonly dir?: 'f' | 'b' | undefined;
  readonly from?: string | undefined;
}

/**
 * The user's delayed events by the time at which they are (or were) to be sent: those that are scheduled, or what
 * `status` asks for. A future with actions is one entry per alternative. Throws 400 M_INVALID_PARAM for a status or a
 * `from` that this server does not know.
 */
export async function listDelayedEvents(
  deps: Pick<FutureDeps, 'db'>,
  userNid: number,
  filter: DelayedFilter,
): Promise<JsonObject> {
  const statuses = filter.status === undefined ? (['pending'] as const) : STATUS_FILTERS.get(filter.status);
  if (statuses === undefined)
    throw invalidParam(`status must be one of ${[...STATUS_FILTERS.keys()].join(', ')}`);
  const futures = await listFuturesOfUser(deps.db, {
    userNid,
    statuses,
    roomId: filter.roomId,
    type: filter.type,
    fromTs: filter.fromTs,
    toTs: filter.toTs,
    after: filter.from === undefined ? undefined : parsePage(filter.from),
    latestFirst: filter.dir === 'b',
    limit: PAGE + 1,
  });
  const page = futures.slice(0, PAGE);
  const last = futures.length > PAGE ? page.at(-1) : undefined;
  const shown = page.flatMap((future) =>
    future.alternatives
      .filter((alternative) => filter.type === undefined || alternative.type === filter.type)
      .map((alternative) => ({ future, item: describeDelayed(future, alternative), alternative })),
  );
  return {
    delayed_events: shown.map(({ item }) => item),
    ...(filter.status === undefined ? {} : splitByStatus(shown)),
    ...(last === undefined ? {} : { next_batch: `${last.deadlineTs}_${last.futureNid}` }),
  };
}

/** One delayed event of the user's. Throws 404 M_NOT_FOUND for an unknown one and for somebody else's. */
export async function getDelayedEvent(
  deps: Pick<FutureDeps, 'db'>,
  userNid: number,
  delayId: string,
): Promise<JsonObject> {
  const future = await findFuture(deps.db, { delayId });
  const alternative = future?.alternatives.find((candidate) => candidate.delayId === delayId);
  if (future === undefined || alternative === undefined || future.userNid !== userNid)
    throw notFound('There is no such delayed event');
  return describeDelayed(future, alternative);
}

function parsePage(from: string): { readonly deadlineTs: number; readonly futureNid: number } {
  const [, deadlineTs, futureNid] = /^([0-9]{1,15})_([0-9]{1,15})$/.exec(from) ?? [];
  if (deadlineTs === undefined || futureNid === undefined)
    throw invalidParam('from is no token of this server');
  return { deadlineTs: Number(deadlineTs), futureNid: Number(futureNid) };
}

/** Old and new field names beside each other: clients of all drafts read it. */
function describeDelayed(future: StoredFuture, alternative: FutureAlternative): JsonObject {
  const linked = future.alternatives.filter((other) => other !== alternative).map((other) => other.delayId);
  return {
    delay_id: alternative.delayId,
    room_id: future.roomId,
    type: alternative.type,
    ...(alternative.stateKey === undefined ? {} : { state_key: alternative.stateKey }),
    content: readContent(alternative.content),
    ...describeSticky(alternative),
    delay: future.timeoutMs,
    delay_ms: future.timeoutMs,
    running_since: future.sinceTs,
    delayed_since_ts: future.sinceTs,
    ...(linked.length === 0
      ? {}
      : { 'io.element.trigger': alternative.trigger, 'io.element.linked_delay_ids': linked }),
    ...describeEnd(future, alternative),
  };
}

function describeSticky({ stickyDurationMs }: FutureAlternative): JsonObject {
  if (stickyDurationMs === undefined) return {};
  return { [STICKY_PARAMETER]: stickyDurationMs, [FINAL_STICKY_PARAMETER]: stickyDurationMs };
}

function describeEnd(future: StoredFuture, alternative: FutureAlternative): JsonObject {
  if (future.finalisedTs === undefined) return {};
  const isSent = future.sentDelayId === alternative.delayId && future.sentEventId !== undefined;
  const error = failureOf(future);
  const end = {
    finalised_ts: future.finalisedTs,
    ...(isSent ? { event_id: future.sentEventId } : {}),
    ...(error === undefined ? {} : { error }),
  };
  return { ...end, finalised: end };
}

interface Shown {
  readonly future: StoredFuture;
  readonly alternative: FutureAlternative;
  readonly item: JsonObject;
}

/** The lists of the draft that knew `?status=`. */
function splitByStatus(shown: readonly Shown[]): JsonObject {
  const scheduled = shown.filter(({ future }) => future.status === 'pending');
  const finalised = shown.filter(({ future }) => future.status !== 'pending');
  return {
    ...(scheduled.length === 0 ? {} : { scheduled: scheduled.map(({ item }) => item) }),
    finalised: finalised.map(({ future, alternative, item }) => ({
      ...item,
      delayed_event: item,
      outcome: future.sentDelayId === alternative.delayId ? 'send' : 'cancel',
      reason: reasonOf(future),
      origin_server_ts: future.finalisedTs ?? 0,
    })),
  };
}

/** Why it ended: its owner asked, its time came, or something was in the way. */
function reasonOf(future: StoredFuture): string {
  if (future.status === 'failed' || future.status === 'superseded') return 'error';
  const wasTimer = future.status === 'sent' && (future.finalisedTs ?? 0) >= future.deadlineTs;
  return wasTimer ? 'delay' : 'action';
}
