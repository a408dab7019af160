import type { PredefinedRules } from '../matrix/push-rules/default-rules.ts';
import { outcomeOf } from '../matrix/push-rules/evaluation.ts';
import { parseUserId, type EventId } from '../matrix/identifiers.ts';
import { membershipIn } from '../matrix/power-levels.ts';
import { readableEvent, type ReadableEvent } from '../rooms/client-events.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { listEventsById, listEventsByNid } from '../storage/events.ts';
import { MAIN_THREAD, type Notification } from '../storage/notifications.ts';
import { listAccountsAmong, type PushBacklog } from '../storage/push-progress.ts';
import type { ReadMark } from '../storage/read-marks.ts';
import { listThreadSubscribers } from '../storage/thread-subscriptions.ts';
import { Turn } from '../util/turn.ts';
import { loadAudience, type Audience, type AudienceDeps } from './audience.ts';
import { evaluateRules } from './evaluate-rules.ts';
import type { PassedOver } from './passed-over.ts';
import { findThreads, type ThreadId } from './threads.ts';

/** What has taken so long is written down, and the rest of the events is another batch. */
const LONG_BATCH_MS = 1_000;

/** What a stretch of the stream means for notifications. */
export interface PushEffects {
  /** To how many of the events rules were applied: all, unless that takes long. */
  readonly applied: number;
  readonly notifications: readonly Notification[];
  /** What users have dealt with by sending, leaving or joining. */
  readonly readMarks: readonly ReadMark[];
  /** Events that were redacted: nobody is to be notified of them. */
  readonly withdrawn: readonly { readonly roomNid: number; readonly position: number }[];
}

export interface PushRuleDeps extends AudienceDeps, PredefinedRules {
  readonly passedOver: PassedOver;
  /** After how many milliseconds a batch ends early; {@link LONG_BATCH_MS} unless said. */
  readonly longBatchMs?: number | undefined;
}

/**
 * Applies the push rules of the local users in the rooms to timeline events, in their order. Nobody is notified of what
 * they sent themselves, or of what was sent by somebody they ignore.
 * https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-13
 */
export async function applyPushRules(
  deps: PushRuleDeps,
  { events: stored, rooms }: Pick<PushBacklog, 'events' | 'rooms'>,
  nowTs: number,
): Promise<PushEffects> {
  const events = stored.map(readableEvent);
  const [audience, { threads, subscribers }, comingAndGoing, withdrawn] = await Promise.all([
    loadAudience(deps, events, rooms),
    loadThreads(deps, events),
    markComingAndGoing(deps, events),
    listWithdrawn(deps, events),
  ]);
  const notifications: Notification[] = [];
  const passedOver: ReadMark[] = [];
  // Many events, a large room or the rules of one user may be a lot of work.
  const turn = new Turn();
  const endMs = performance.now() + (deps.longBatchMs ?? LONG_BATCH_MS);
  let applied = 0;
  for (const event of events) {
    if (turn.isOver) await turn.end();
    if (applied > 0 && performance.now() > endMs) break;
    applied += 1;
    if (event.stored.redactedByNid !== undefined) continue;
    const threadId = threads.get(event.event.eventId) ?? MAIN_THREAD;
    const facts = { threadId, nowTs, turn, subscribers: subscribers.get(threadId), predefined: deps };
    const { notified, others } = await applyToEvent(audience, event, facts);
    notifications.push(...notified);
    if (notified.length > 0) passedOver.push(...deps.passedOver.note(event.stored.roomNid, others));
  }
  const done = events.slice(0, applied);
  const [came, gone] =
    applied === events.length
      ? [comingAndGoing, withdrawn]
      : await Promise.all([markComingAndGoing(deps, done), listWithdrawn(deps, done)]);
  const readMarks = [...markSent(done, threads), ...came, ...passedOver];
  return { applied, notifications, readMarks, withdrawn: gone };
}

async function loadThreads(
  deps: PushRuleDeps,
  events: readonly ReadableEvent[],
): Promise<{
  readonly threads: ReadonlyMap<EventId, ThreadId>;
  /** Of each thread, by interned id. */
  readonly subscribers: ReadonlyMap<ThreadId, ReadonlySet<number>>;
}> {
  const threads = await findThreads(
    deps.db,
    events.map(({ event }) => event),
  );
  if (!deps.threadSubscriptions) return { threads, subscribers: new Map() };
  const roots = [...new Set(threads.values())].flatMap((thread) => (thread === MAIN_THREAD ? [] : thread));
  return { threads, subscribers: await listThreadSubscribers(deps.db, roots) };
}

async function applyToEvent(
  audience: Audience,
  event: ReadableEvent,
  facts: {
    readonly threadId: ThreadId;
    readonly nowTs: number;
    readonly turn: Turn;
    /** Of the thread, by interned id. */
    readonly subscribers: ReadonlySet<number> | undefined;
    readonly predefined: PredefinedRules;
  },
): Promise<{ readonly notified: readonly Notification[]; readonly others: readonly number[] }> {
  const { stored } = event;
  const { sender } = event.event;
  const { threadId, nowTs, turn, subscribers, predefined } = facts;
  const present = audience.recipientsOf(event).filter((recipient) => recipient.userId !== sender);
  if (present.length === 0) return { notified: [], others: [] };
  const recipients = present.filter((recipient) => !audience.rulesOf(recipient).ignored.has(sender));
  const actions = await evaluateRules(audience, event, recipients, {
    predefined,
    turn,
    isSubscribed: threadId === MAIN_THREAD ? undefined : ({ userNid }) => subscribers?.has(userNid) === true,
  });
  const notified = recipients.flatMap(({ userNid }, index): Notification[] => {
    const own = actions[index] ?? [];
    const { notifies, highlights } = outcomeOf(own);
    if (!notifies) return [];
    return [
      {
        userNid,
        position: stored.position ?? 0,
        roomNid: stored.roomNid,
        eventNid: stored.eventNid,
        threadId,
        isHighlight: highlights,
        actions: own,
        createdTs: nowTs,
      },
    ];
  });
  if (notified.length === present.length) return { notified, others: [] };
  const news = new Set(notified.map((notification) => notification.userNid));
  return { notified, others: present.flatMap(({ userNid }) => (news.has(userNid) ? [] : userNid)) };
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
  const [accounts, replaced] = await Promise.all([
    listAccountsAmong(deps.db, users),
    listEventsByNid(
      deps.db,
      changes.flatMap(({ stored }) => stored.replacesNid ?? []),
    ),
  ]);
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
