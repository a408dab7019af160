import { requireUnlocked } from '../accounts/account-state.ts';
import { invalidParam } from '../matrix/errors.ts';
import type { Filter } from '../matrix/filters.ts';
import { parseStreamToken } from '../storage/stream-token.ts';
import type { JsonObject } from '../util/json.ts';
import { composeAnswer, composeQuietAnswer, type SyncAnswer } from './compose.ts';
import type { StateAfterKey, SyncReadDeps, SyncViewer } from './provider.ts';
import { listStandings } from './standings.ts';
import { readNewSticky, type NewSticky } from './sticky-events.ts';
import { emptyMailbox, readMailbox } from './to-device.ts';
import type { UserRooms } from './user-rooms.ts';
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
 * not when the client asks for full state or knows nothing yet. When the signal of `live` ends the wait, the answer is the
 * one that a timeout would have brought; without a wait it is not looked at, and need not be made. Throws 400
 * M_INVALID_PARAM for a token that is none, what is wrong with the filter, and 401 M_USER_LOCKED when the account is
 * locked while the request waits.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
 */
export async function sync(
  deps: SyncReadDeps,
  viewer: SyncViewer,
  request: SyncRequest,
  live: { readonly signal: AbortSignal },
): Promise<JsonObject> {
  // Registered before the first look at what is new: what comes after that look wakes.
  using waiter = deps.syncFeed.waiters.register(viewer.userNid);
  const filter = await deps.syncFeed.filters.resolve(deps, viewer.userNid, request.filter);
  const token = readToken(request.since);
  let newest = await deps.syncFeed.catchUp();
  const reading = {
    deps,
    viewer,
    filter,
    since: token === undefined ? undefined : await arriveAt(deps, viewer, token, newest),
    fullState: request.fullState,
    stateAfter: request.stateAfter,
    waits: token !== undefined && !request.fullState && request.timeoutMs > 0,
  };
  const untilMs = deps.clock.nowMs() + Math.min(Math.max(request.timeoutMs, 0), LONGEST_WAIT_MS);
  for (let isWoken = false; ; isWoken = true) {
    const { body, hasNews } = await readOnce(reading, waiter, newest);
    if (hasNews || !reading.waits) return body;
    // What wakes without bringing news may be that the account was locked.
    if (isWoken) await requireUnlocked(deps, viewer.userNid);
    if ((await waiter.next(untilMs, live.signal)) !== 'woken') return body;
    newest = await deps.syncFeed.catchUpWith(waiter.noticedUpTo);
  }
}

interface Reading {
  readonly deps: SyncReadDeps;
  readonly viewer: SyncViewer;
  readonly filter: Filter;
  readonly since: number | undefined;
  readonly fullState: boolean;
  readonly stateAfter: StateAfterKey | undefined;
  /** Whether the request waits where there are no news. */
  readonly waits: boolean;
}

/**
 * One answer. Everything is read up to `newest`, and what comes later wakes the waiter. Rooms are watched as soon as they are known, and what happened in them until then is looked up.
 */
async function readOnce(reading: Reading, waiter: Waiter, newest: number): Promise<SyncAnswer> {
  const { deps, viewer, since } = reading;
  const { syncFeed } = deps;
  waiter.hasRead(newest);
  const rooms = await syncFeed.roomsOf(viewer.userNid);
  if (reading.waits) {
    waiter.watch(rooms.joined);
    if (syncFeed.mayHaveNews(rooms.joined, newest)) waiter.notice(newest + 1);
  }
  const hasRoomNews = since === undefined || syncFeed.mayHaveNews(rooms.joined, since);
  // Counts are wanted at the end, and only of rooms with news: push rules are applied while the rest is read. Whoever counts
  // asks again, and learns what went wrong.
  if (hasRoomNews) deps.catchUpPush(newest).catch(() => undefined);
  else if (!reading.fullState && !syncFeed.mayConcern(viewer.userNid, since))
    return composeQuietAnswer({ deps, viewer, upTo: newest }, since);
  const sticky = readNewSticky(deps, rooms.joined, since, newest);
  const [answer, { upTo }] = await Promise.all([readUpTo(reading, rooms, newest, sticky), sticky]);
  // Seldom are there more new sticky events than one answer holds: then it ends before the rest of them.
  return upTo < newest ? readUpTo(reading, rooms, upTo, sticky) : answer;
}

async function readUpTo(
  reading: Reading,
  rooms: UserRooms,
  newest: number,
  sticky: Promise<NewSticky>,
): Promise<SyncAnswer> {
  const { deps, since, filter, fullState, stateAfter } = reading;
  const { userId, userNid, sessionNid, deviceId } = reading.viewer;
  const viewer = { userId, userNid, sessionNid, deviceId, memberships: rooms };
  const { messages, upTo } = await readMailbox(deps, viewer, since, newest);
  const standings = await listStandings(deps, viewer, rooms, { since, upTo });
  return composeAnswer(
    { deps, viewer, filter, fullState, stateAfter, upTo, standings, messages, newSticky: sticky },
    since,
  );
}

function readToken(token: string | undefined): number | undefined {
  if (token === undefined) return undefined;
  const position = parseStreamToken(token);
  if (position === undefined) throw invalidParam('since: not a token that this server handed out');
  return position;
}

/** Where the client is. What it got on the way there is done with. */
async function arriveAt(
  deps: SyncReadDeps,
  viewer: SyncViewer,
  position: number,
  newest: number,
): Promise<number> {
  // A token from the future, such as after a database was restored, is taken for the newest and acknowledges nothing.
  if (position > newest) return newest;
  await emptyMailbox(deps, viewer, position);
  // A token of /messages may lie before all that was ever synced.
  return Math.max(position, 0);
}
