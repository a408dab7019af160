import { toClientEvent } from '../matrix/client-event.ts';
import type { MatrixEvent } from '../matrix/event.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { membershipIn, memberSlot, type Membership } from '../matrix/power-levels.ts';
import { redactContent } from '../matrix/redaction.ts';
import { findRoomVersionRules, type RoomVersionRules } from '../matrix/room-version.ts';
import { readStoredEvent } from '../matrix/event-parsing.ts';
import { stickyUntil } from '../matrix/sticky.ts';
import { listEventsByNid, type StoredEvent } from '../storage/events.ts';
import type { MembershipIn } from '../storage/membership-reading.ts';
import { findStickyExpiries } from '../storage/sticky-events.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import { findInStates, type RoomReadDeps } from './read-state.ts';

/** Who reads. `sessionNid` is undefined where no session asks, such as for push and appservices. */
export interface Viewer {
  readonly userId: UserId;
  readonly userNid: number;
  readonly sessionNid: number | undefined;
  /** What they are in rooms, where that is at hand: it is looked up where it is not. */
  readonly memberships?: { readonly find: (roomNid: number) => MembershipIn | undefined };
}

export interface RenderDeps extends RoomReadDeps {
  readonly clock: Clock;
}

/** A stored event as it is to be read now: without what a redaction has taken from it. */
export interface ReadableEvent {
  readonly stored: StoredEvent;
  readonly event: MatrixEvent;
  readonly rules: RoomVersionRules;
}

/**
 * Parses a stored event and, when it was redacted, leaves in it what redaction leaves.
 * https://spec.matrix.org/v1.19/client-server-api/#redactions
 */
export function readableEvent(stored: StoredEvent): ReadableEvent {
  const known = readableEvents.get(stored);
  if (known !== undefined) return known;
  const rules = rulesOf(stored);
  const event = readStoredEvent(stored, rules);
  const readable = {
    stored,
    rules,
    event: stored.redactedByNid === undefined ? event : redacted(event, rules),
  };
  readableEvents.set(stored, readable);
  return readable;
}

/** Many look at one event: it is parsed for the first of them, and kept as long as its row. */
const readableEvents = new WeakMap<StoredEvent, ReadableEvent>();

function rulesOf(stored: StoredEvent): RoomVersionRules {
  const rules = findRoomVersionRules(stored.roomVersion);
  if (rules === undefined)
    throw new Error(`room ${stored.roomId} has the unknown version ${stored.roomVersion}`);
  return rules;
}

function redacted(event: MatrixEvent, rules: RoomVersionRules): MatrixEvent {
  return {
    ...event,
    content: redactContent(event.type, event.content, rules),
    // Before v11 `redacts` stands outside of content, where redaction removes it.
    redacts: rules.redaction.keepsV11Content ? event.redacts : undefined,
    stickyDurationMs: undefined,
  };
}

/**
 * Events as one reader sees them, in the order given: the format of the client API with `unsigned` filled in. Does not
 * judge whether they may be seen. Takes one query for all that the events refer to.
 * https://spec.matrix.org/v1.19/client-server-api/#room-event-format
 */
export async function renderEvents(
  deps: RenderDeps,
  events: readonly StoredEvent[],
  viewer: Viewer,
  options: { readonly withRoomId: boolean },
): Promise<JsonObject[]> {
  if (events.length === 0) return [];
  const ownSlot = memberSlot(viewer.userId);
  const states = await findInStates(
    deps,
    events.flatMap((event) => event.stateAfter ?? []),
    [ownSlot],
  );
  // Mostly they are still what they were then.
  const current = new Map(
    events.flatMap(({ roomNid }): [number, Membership][] => {
      const own = viewer.memberships?.find(roomNid);
      return own === undefined ? [] : [[own.eventNid, own.membership]];
    }),
  );
  const related = await loadRelated(
    deps,
    events.flatMap((event) => [event.replacesNid, event.redactedByNid]),
    [...states.values()].map((held) => held.get(ownSlot)).filter((nid) => !current.has(nid ?? -1)),
  );
  const nowMs = deps.clock.nowMs();
  const readable = events.map(readableEvent);
  const expiries = await findStickyExpiries(deps.db, listMaybeSticky(readable, nowMs));
  const membershipAt = (event: StoredEvent): string | undefined => {
    if (event.stateAfter === undefined) return undefined;
    const own = states.get(event.stateAfter)?.get(ownSlot);
    const known = own === undefined ? undefined : current.get(own);
    if (known !== undefined) return known;
    const member = related.get(own);
    // Who has no membership yet counts as having left.
    return member === undefined ? 'leave' : membershipIn(member.event.content);
  };
  return readable.map(({ stored, event }) => {
    const unsigned = compact(
      {
        age: nowMs - event.originServerTs,
        membership: membershipAt(stored),
        redacted_because: redactionOf(related.get(stored.redactedByNid), nowMs, options),
      },
      previousOf(related.get(stored.replacesNid)),
      senderOnly(stored, viewer),
      remainingStickiness(expiries.get(stored.eventNid), nowMs),
    );
    return toClientEvent(event, { unsigned, withRoomId: options.withRoomId });
  });
}

type Related = ReadonlyMap<number | undefined, ReadableEvent>;

async function loadRelated(
  deps: RenderDeps,
  ...nids: readonly (readonly (number | undefined)[])[]
): Promise<Related> {
  const wanted = new Set(nids.flat().filter((nid) => nid !== undefined));
  const stored = await listEventsByNid(deps.db, [...wanted]);
  return new Map(stored.map((event) => [event.eventNid, readableEvent(event)]));
}

/**
 * Whoever may see a state event may see what it replaced: that was the state until then, which they could read, or it
 * is their own membership.
 */
function previousOf(previous: ReadableEvent | undefined): Unsigned {
  if (previous === undefined) return {};
  const { eventId, content, sender } = previous.event;
  return { replaces_state: eventId, prev_content: content, prev_sender: sender };
}

/** Those of the events that can be sticky still. */
function listMaybeSticky(events: readonly ReadableEvent[], nowMs: number): number[] {
  return events
    .filter(({ event: { originServerTs, stickyDurationMs } }) =>
      stickyDurationMs === undefined
        ? false
        : stickyUntil(originServerTs, stickyDurationMs, Infinity) > nowMs,
    )
    .map(({ stored }) => stored.eventNid);
}

/** How long an event is sticky still, for clients whose clocks are wrong. https://github.com/matrix-org/matrix-spec-proposals/pull/4354 */
function remainingStickiness(expiresTs: number | undefined, nowMs: number): Unsigned {
  return expiresTs === undefined || expiresTs <= nowMs
    ? {}
    : { msc4354_sticky_duration_ttl_ms: expiresTs - nowMs };
}

function senderOnly(stored: StoredEvent, viewer: Viewer): Unsigned {
  if (stored.senderNid !== viewer.userNid) return {};
  const isSession = stored.sessionNid !== undefined && stored.sessionNid === viewer.sessionNid;
  return {
    transaction_id: isSession ? stored.txnId : undefined,
    delay_id: stored.delayId,
    'org.matrix.msc4140.delay_id': stored.delayId,
  };
}

function redactionOf(
  redaction: ReadableEvent | undefined,
  nowMs: number,
  options: { readonly withRoomId: boolean },
): JsonObject | undefined {
  if (redaction === undefined) return undefined;
  const { event } = redaction;
  return toClientEvent(event, { unsigned: { age: nowMs - event.originServerTs }, ...options });
}

type Unsigned = Readonly<Record<string, JsonValue | undefined>>;

function compact(...parts: readonly Unsigned[]): JsonObject {
  const members: Record<string, JsonValue> = {};
  for (const [name, value] of parts.flatMap(Object.entries<JsonValue | undefined>)) {
    if (value !== undefined) members[name] = value;
  }
  return members;
}
