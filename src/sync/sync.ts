import { requireUnlocked } from '../accounts/account-state.ts';
import { resolveFilter } from '../accounts/filters.ts';
import { invalidParam } from '../matrix/errors.ts';
import type { Filter } from '../matrix/filters.ts';
import { deleteToDeviceUpTo } from '../storage/to-device.ts';
import { parseStreamToken } from '../storage/stream-token.ts';
import type { JsonObject } from '../util/json.ts';
import { composeAnswer, type SyncAnswer } from './compose.ts';
import type { StateAfterKey, SyncReadDeps, SyncViewer } from './provider.ts';
import { listStandings } from './standings.ts';
import { readNewSticky } from './sticky-events.ts';
import { readMailbox } from './to-device.ts';
import type { Waiter } from './waiters.ts';

/** One request, as its client wrote it. */
export interface SyncRequest {
  /** The id of a stored filter, or a filter in JSON. */
  readonly filter: string | undefined;
  /** A token of an earlier answer; undefined for a client that knows nothing. */
  readonly since: string | undefined;
  readonly fullState: boolean;
  readonly stateAfter: StateAfterKey | undefined;
  /** How long to wait for news when there are none. */
  readonly timeoutMs: number;
}

/** Longer than any client waits, and short enough that a connection nobody listens to any more is let go. */
const LONGEST_WAIT_MS = 10 * 60_000;

/**
 * What is new for a device since a token, or everything without one. Waits for news up to the request's timeout, but
 * not when the client asks for full state or knows nothing yet. When `signal` ends the wait, the answer is the one that
 * a timeout would have brought. Throws 400 M_INVALID_PARAM for a token that is none, what is wrong with the filter, and
 * 401 M_USER_LOCKED when the account is locked while the request waits.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
 */
export async function sync(
  deps: SyncReadDeps,
  viewer: SyncViewer,
  request: SyncRequest,
  signal: AbortSignal,
): Promise<JsonObject> {
  const reading = {
    deps,
    viewer,
    filter: await resolveFilter(deps, viewer.userNid, request.filter),
    since: await arriveAt(deps, viewer, request.since),
    fullState: request.fullState,
    stateAfter: request.stateAfter,
  };
  const untilMs = deps.clock.nowMs() + Math.min(Math.max(request.timeoutMs, 0), LONGEST_WAIT_MS);
  const waits = reading.since !== undefined && !request.fullState && request.timeoutMs > 0;
  using waiter = deps.syncFeed.waiters.register(viewer.userNid);
  for (let isWoken = false; ; isWoken = true) {
    const { body, hasNews } = await readOnce(reading, waiter);
    if (hasNews || !waits) return body;
    // What wakes without bringing news may be that the account was locked.
    if (isWoken) await requireUnlocked(deps, viewer.userNid);
    if ((await waiter.next(untilMs, signal)) !== 'woken') return body;
  }
}

interface Reading {
  readonly deps: SyncReadDeps;
  readonly viewer: SyncViewer;
  readonly filter: Filter;
  readonly since: number | undefined;
  readonly fullState: boolean;
  readonly stateAfter: StateAfterKey | undefined;
}

/**
 * One answer. First the position is fixed up to which everything is read; from then on, what comes later wakes the
 * waiter. Rooms are watched as soon as they are known, and what happened in them until then is looked up.
 */
async function readOnce(reading: Reading, waiter: Waiter): Promise<SyncAnswer> {
  const { deps, viewer } = reading;
  const { syncFeed } = deps;
  const newest = await syncFeed.catchUp();
  waiter.hasRead(newest);
  const rooms = await syncFeed.roomsOf(viewer.userNid);
  const joined = rooms.filter((room) => room.membership === 'join').map((room) => room.roomNid);
  waiter.watch(joined);
  if (syncFeed.mayHaveNews(joined, newest)) waiter.notice(Infinity);
  const { since } = reading;
  const sticky = await readNewSticky(deps, joined, since, newest);
  const { messages, upTo } = await readMailbox(deps, viewer, since, sticky.upTo);
  const standings = await listStandings(deps, viewer, rooms, { since, upTo });
  return composeAnswer({ ...reading, messages, newSticky: sticky.events, upTo, standings }, since);
}

/** Where the client is. What it got on the way there is done with. */
async function arriveAt(
  deps: SyncReadDeps,
  viewer: SyncViewer,
  token: string | undefined,
): Promise<number | undefined> {
  if (token === undefined) return undefined;
  const position = parseStreamToken(token);
  if (position === undefined) throw invalidParam('since: not a token that this server handed out');
  const newest = await deps.syncFeed.catchUp();
  // A token from the future, such as after a database was restored, is taken for the newest and acknowledges nothing.
  if (position > newest) return newest;
  await deleteToDeviceUpTo(deps.db, viewer, position);
  // A token of /messages may lie before all that was ever synced.
  return Math.max(position, 0);
}
