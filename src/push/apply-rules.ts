import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { outcomeOf } from '../matrix/push-rules/evaluation.ts';
import { parseUserId } from '../matrix/identifiers.ts';
import { membershipIn } from '../matrix/power-levels.ts';
import { readableEvent, type ReadableEvent } from '../rooms/client-events.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { listEventsById, listEventsByNid, type StoredEvent } from '../storage/events.ts';
import { MAIN_THREAD, type Notification } from '../storage/notifications.ts';
import { listAccountsAmong } from '../storage/push-progress.ts';
import type { ReadMark } from '../storage/read-marks.ts';
import { listThreadSubscribers } from '../storage/thread-subscriptions.ts';
import { loadAudience, type Audience, type AudienceDeps } from './audience.ts';
import { findThreads, type ThreadId } from './threads.ts';

/** What a stretch of the stream means for notifications. */
export interface PushEffects {
  readonly notifications: readonly Notification[];
  /** What users have dealt with by sending, leaving or joining. */
  readonly readMarks: readonly ReadMark[];
  /** Events that were redacted: nobody is to be notified of them. */
  readonly withdrawn: readonly { readonly roomNid: number; readonly position: number }[];
}

/**
 * Applies the push rules of the local users in the rooms to timeline events, in their order. Nobody is notified of what
 * they sent themselves, or of what was sent by somebody they ignore.
 * https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-13
 */
export async function applyPushRules(
  deps: AudienceDeps,
  stored: readonly StoredEvent[],
  nowTs: number,
): Promise<PushEffects> {
  const events = stored.map(readableEvent);
  const audience = await loadAudience(deps, events);
  const threads = await findThreads(
    deps.db,
    events.map(({ event }) => event),
  );
  const subscribers: ReadonlyMap<ThreadId, ReadonlySet<number>> = deps.threadSubscriptions
    ? await listThreadSubscribers(
        deps.db,
        [...new Set(threads.values())].flatMap((thread) => (thread === MAIN_THREAD ? [] : thread)),
      )
    : new Map();
  const notifications: Notification[] = [];
  for (const event of events) {
    if (event.stored.redactedByNid !== undefined) continue;
    const threadId = threads.get(event.event.eventId) ?? MAIN_THREAD;
    notifications.push(
      ...(await applyToEvent(audience, event, { threadId, nowTs, subscribers: subscribers.get(threadId) })),
    );
    // A large room is a lot of work: others get their turn between events.
    await yieldToOthers();
  }
  return {
    notifications,
    readMarks: [...markSent(events, threads), ...(await markComingAndGoing(deps, events))],
    withdrawn: await listWithdrawn(deps, events),
  };
}

async function applyToEvent(
  audience: Audience,
  event: ReadableEvent,
  facts: {
    readonly threadId: ThreadId;
    readonly nowTs: number;
    /** Of the thread, by interned id. */
    readonly subscribers: ReadonlySet<number> | undefined;
  },
): Promise<Notification[]> {
  const { stored } = event;
  const { sender } = event.event;
  const recipients = audience
    .recipientsOf(event)
    .filter((recipient) => recipient.userId !== sender && !audience.ignores(recipient, sender));
  if (recipients.length === 0) return [];
  const pushed = audience.describe(event);
  const names = await audience.displayNamesIn(event);
  return recipients.flatMap((recipient): Notification[] => {
    const user = {
      displayName: names.get(recipient.userId),
      isSubscribed:
        facts.threadId === MAIN_THREAD ? undefined : facts.subscribers?.has(recipient.userNid) === true,
    };
    const actions = audience.rulesOf(recipient).evaluate(pushed, user);
    const { notifies, highlights } = outcomeOf(actions);
    if (!notifies) return [];
    return [
      {
        userNid: recipient.userNid,
        position: stored.position ?? 0,
        roomNid: stored.roomNid,
        eventNid: stored.eventNid,
        threadId: facts.threadId,
        isHighlight: highlights,
        actions,
        createdTs: facts.nowTs,
      },
    ];
  });
}

/**
 * Who sends into a thread has read it up to there. State is no sign of reading, and what was written beforehand to be
 * sent later is none either.
 */
function markSent(
  events: readonly ReadableEvent[],
  threads: ReadonlyMap<string, string>,
): readonly ReadMark[] {
  return events
    .filter(({ event, stored }) => event.stateKey === undefined && stored.delayId === undefined)
    .map(({ event, stored }) => ({
      userNid: stored.senderNid,
      roomNid: stored.roomNid,
      threadId: threads.get(event.eventId) ?? MAIN_THREAD,
      upTo: stored.position ?? 0,
    }));
}

/** Who comes into a room or leaves it has dealt with all before: the invite, or whatever was unread. */
async function markComingAndGoing(
  deps: RoomReadDeps,
  events: readonly ReadableEvent[],
): Promise<readonly ReadMark[]> {
  const changes = events.filter(({ event }) => event.type === 'm.room.member' && hasComeOrGone(event));
  if (changes.length === 0) return [];
  const users = changes.flatMap(({ event }) => parseUserId(event.stateKey) ?? []);
  const accounts = await listAccountsAmong(deps.db, users);
  const replaced = await listEventsByNid(
    deps.db,
    changes.flatMap(({ stored }) => stored.replacesNid ?? []),
  );
  const joinedBefore = new Set(
    replaced
      .filter((before) => membershipIn(readableEvent(before).event.content) === 'join')
      .map((before) => before.eventNid),
  );
  return changes.flatMap(({ event, stored }): ReadMark[] => {
    const userId = parseUserId(event.stateKey);
    const userNid = userId === undefined ? undefined : accounts.get(userId);
    const stays =
      membershipIn(event.content) === 'join' &&
      stored.replacesNid !== undefined &&
      joinedBefore.has(stored.replacesNid);
    if (userNid === undefined || stays) return [];
    return [{ userNid, roomNid: stored.roomNid, threadId: undefined, upTo: stored.position ?? 0 }];
  });
}

function hasComeOrGone(event: ReadableEvent['event']): boolean {
  const membership = membershipIn(event.content);
  return membership === 'join' || membership === 'leave' || membership === 'ban';
}

async function listWithdrawn(
  deps: RoomReadDeps,
  events: readonly ReadableEvent[],
): Promise<PushEffects['withdrawn']> {
  const redacted = events.flatMap(({ event }) => event.redacts ?? []);
  const targets = await listEventsById(deps.db, redacted);
  return targets.flatMap(({ roomNid, position, redactedByNid }) =>
    redactedByNid === undefined || position === undefined ? [] : [{ roomNid, position }],
  );
}
