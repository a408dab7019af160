import { readStoredEvent } from '../matrix/event-parsing.ts';
import { toClientEvent } from '../matrix/client-event.ts';
import { findRoomVersionRules } from '../matrix/room-version.ts';
import { STICKY_KEY } from '../matrix/sticky.ts';
import type { EventId } from '../matrix/identifiers.ts';
import { listEventsById } from '../storage/events.ts';
import { listFuturesOfUser, type FutureAlternative, type StoredFuture } from '../storage/futures.ts';
import type { JsonObject } from '../util/json.ts';
import { readContent, spellEvents, type DescribedEvent } from './describe-seed.ts';
import type { FutureDeps } from './future-deps.ts';
import { makeFutureToken } from './token.ts';

const MOST_LISTED = 1_000;

/**
 * The user's running futures, soonest deadline first: the events as they will be (without ids or times that nobody
 * knows yet), the send_now event as it is, and the token.
 */
export async function listRunningFutures(
  deps: Pick<FutureDeps, 'db' | 'identity'>,
  userNid: number,
): Promise<JsonObject[]> {
  const futures = await listFuturesOfUser(deps.db, {
    userNid,
    statuses: ['pending'],
    withToken: true,
    limit: MOST_LISTED,
  });
  const sent = await readSendNow(
    deps,
    futures.flatMap((future) => future.sendNowEventId ?? []),
  );
  return futures.map((future) => describe(deps, future, sent));
}

function describe(
  deps: Pick<FutureDeps, 'identity'>,
  future: StoredFuture,
  sent: ReadonlyMap<EventId, JsonObject>,
): JsonObject {
  const entries: DescribedEvent[] = future.alternatives.map((alternative) => ({
    trigger: alternative.trigger,
    value: unsentEvent(future, alternative),
  }));
  const sendNow = future.sendNowEventId === undefined ? undefined : sent.get(future.sendNowEventId);
  if (sendNow !== undefined) entries.unshift({ trigger: 'send_now', value: sendNow });
  return {
    ...spellEvents(entries, future.mirror),
    ...(future.tokenId === undefined
      ? {}
      : { future_token: makeFutureToken(deps.identity.key, future.tokenId) }),
    room_id: future.roomId,
    'io.element.timeout_ms': future.timeoutMs,
    'io.element.send_ts': future.deadlineTs,
  };
}

function unsentEvent(future: StoredFuture, alternative: FutureAlternative): JsonObject {
  const { type, stateKey, redacts, stickyDurationMs } = alternative;
  return {
    type,
    content: readContent(alternative.content),
    room_id: future.roomId,
    sender: future.userId,
    ...(stateKey === undefined ? {} : { state_key: stateKey }),
    ...(redacts === undefined ? {} : { redacts }),
    ...(stickyDurationMs === undefined ? {} : { [STICKY_KEY]: { duration_ms: stickyDurationMs } }),
  };
}

async function readSendNow(
  deps: Pick<FutureDeps, 'db'>,
  eventIds: readonly EventId[],
): Promise<Map<EventId, JsonObject>> {
  const stored = await listEventsById(deps.db, eventIds);
  return new Map(
    stored.flatMap((event): [EventId, JsonObject][] => {
      const rules = findRoomVersionRules(event.roomVersion);
      if (rules === undefined) return [];
      return [[event.eventId, toClientEvent(readStoredEvent(event, rules), { withRoomId: true })]];
    }),
  );
}
