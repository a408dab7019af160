import { checkAuthEvents, checkAuthRules } from '../matrix/auth-rules/auth-rules.ts';
import type { AuthState, AuthVerdict } from '../matrix/auth-rules/verdict.ts';
import { authEventSlots } from '../matrix/auth-events.ts';
import { isStateEvent, stateSlot, type MatrixEvent, type StateMap, type StateSlot } from '../matrix/event.ts';
import { serverNameOf, type EventId } from '../matrix/identifiers.ts';
import { CREATE_SLOT, POWER_LEVELS_SLOT, powerLevelsOf } from '../matrix/power-levels.ts';
import type { Decision, Facts, KnownEvent, NeedsMore, RoomChange } from './decision.ts';
import type { ReceivedIntent } from './intent.ts';
import { resolveTips, type StateAtTips } from './resolve-tips.ts';
import { knows, type RoomEvent, type RoomSnapshot, type StateDelta } from './snapshot.ts';

/**
 * Decides on a PDU of another server whose format, signatures and content hash have passed: rejected by its auth
 * events or by the state before it, soft-failed by the current state, or accepted; forks are resolved.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export function decideReceived(
  snapshot: RoomSnapshot,
  facts: Facts,
  intent: ReceivedIntent,
  eventNid: number,
): Decision {
  const { event } = intent;
  const cited = citedEvents(snapshot, facts, event, intent.placement === 'outlier');
  if (cited.kind !== 'here') return cited;
  const own = facts.events.get(event.eventId);
  if (own !== undefined && !isOpen(own, intent)) return { kind: 'known', known: own };
  const judge: Judge = { snapshot, facts, event, nid: own?.nid ?? eventNid };
  const byAuthEvents = authoriseByAuthEvents(snapshot, cited.auth, event);
  if (intent.placement === 'outlier') {
    const status = byAuthEvents.allowed ? 'outlier' : 'rejected';
    return unplaced(judge, status, byAuthEvents.allowed ? undefined : byAuthEvents.reason);
  }
  const before = stateBefore(snapshot, facts, cited.prevs);
  if (before.kind === 'needs') return before;
  if (!byAuthEvents.allowed) return refusedChange(judge, before, 'rejected', byAuthEvents.reason);
  const decision = judgeByState(judge, before);
  const isAsBefore =
    own?.status === 'softFailed' && decision.kind === 'change' && decision.status !== 'accepted';
  return isAsBefore ? { kind: 'known', known: own } : decision;
}

/** Whether an event that is here is to be judged once more: an outlier that gets its place, or a soft failure. */
function isOpen(own: KnownEvent, intent: ReceivedIntent): boolean {
  if (own.status === 'outlier') return intent.placement === 'live';
  return own.status === 'softFailed' && intent.placement === 'reconsidered';
}

interface Judge {
  readonly snapshot: RoomSnapshot;
  readonly facts: Facts;
  readonly event: MatrixEvent;
  readonly nid: number;
}

type Cited =
  | { readonly kind: 'here'; readonly prevs: readonly KnownEvent[]; readonly auth: readonly KnownEvent[] }
  | Exclude<Decision, RoomChange>;

function citedEvents(snapshot: RoomSnapshot, facts: Facts, event: MatrixEvent, isOutlier: boolean): Cited {
  const create =
    snapshot.rules.roomIdIsCreateHash && event.type !== 'm.room.create' ? [createIdOf(event)] : [];
  const authIds = [...event.authEvents, ...create];
  const prevIds = isOutlier ? [] : event.prevEvents;
  const ids = [event.eventId, ...authIds, ...prevIds];
  if (ids.some((id) => snapshot.uncommitted.has(id))) return { kind: 'needs', flush: true };
  const unloaded = ids.filter((id) => !facts.events.has(id));
  if (unloaded.length > 0) return { kind: 'needs', events: unloaded };
  const missing: EventId[] = [];
  const pick = (id: EventId, usable: (known: KnownEvent) => boolean): KnownEvent[] => {
    const known = facts.events.get(id);
    if (known !== undefined && usable(known)) return [known];
    missing.push(id);
    return [];
  };
  const auth = authIds.flatMap((id) => pick(id, () => true));
  const prevs = prevIds.flatMap((id) => pick(id, (known) => known.stateAfter !== undefined));
  return missing.length > 0 ? { kind: 'missing', eventIds: missing } : { kind: 'here', prevs, auth };
}

/** Since v12 the create event is reached through the room id. */
function createIdOf(event: MatrixEvent): EventId {
  return `$${event.roomId.slice(1)}` as EventId;
}

function authoriseByAuthEvents(
  snapshot: RoomSnapshot,
  auth: readonly KnownEvent[],
  event: MatrixEvent,
): AuthVerdict {
  const listed = auth.filter((known) => event.authEvents.includes(known.event.eventId));
  const rejected = new Set(
    auth.filter((known) => known.status === 'rejected').map((known) => known.event.eventId),
  );
  const listing = checkAuthEvents(
    event,
    listed.map((known) => known.event),
    (id) => rejected.has(id),
    snapshot.rules,
  );
  if (!listing.allowed) return listing;
  const bySlot = new Map<StateSlot, MatrixEvent>();
  for (const { event: cited } of auth)
    if (isStateEvent(cited)) bySlot.set(stateSlot(cited.type, cited.stateKey), cited);
  return checkAuthRules(event, (slot) => bySlot.get(slot), snapshot.rules);
}

function stateBefore(
  snapshot: RoomSnapshot,
  facts: Facts,
  prevs: readonly KnownEvent[],
): ({ readonly kind: 'state' } & StateAtTips) | NeedsMore {
  if (isWholeFront(snapshot, prevs)) return { kind: 'state', version: snapshot.state, full: undefined };
  return resolveTips(snapshot, facts, prevs);
}

/** Whether the event was made on top of exactly our forward extremities, whose state is the current one. */
function isWholeFront(snapshot: RoomSnapshot, prevs: readonly RoomEvent[]): boolean {
  if (snapshot.tips.length !== prevs.length) return false;
  const tips = new Set(snapshot.tips.map((tip) => tip.event.eventId));
  return prevs.every((prev) => tips.has(prev.event.eventId));
}

function judgeByState(judge: Judge, before: StateAtTips): Decision {
  const { snapshot, facts, event } = judge;
  const slots = [CREATE_SLOT, POWER_LEVELS_SLOT, ...authEventSlots(event, snapshot.rules)];
  const ownSlot = isStateEvent(event) ? stateSlot(event.type, event.stateKey) : undefined;
  const unknown = [...slots, ...(ownSlot === undefined ? [] : [ownSlot])].filter(
    (slot) => !knows(snapshot, slot),
  );
  if (unknown.length > 0) return { kind: 'needs', slots: unknown };
  const current: AuthState = (slot) => snapshot.known.get(slot)?.event;
  const earlier = before.full === undefined ? current : stateIn(facts, before.full);
  const unloaded = before.full === undefined ? [] : missingFrom(facts, before.full, slots);
  if (unloaded.length > 0) return { kind: 'needs', events: unloaded };

  const byBefore = checkAuthRules(event, earlier, snapshot.rules);
  if (!byBefore.allowed) return refusedChange(judge, before, 'rejected', byBefore.reason);
  const byCurrent = checkAuthRules(event, current, snapshot.rules);
  if (!byCurrent.allowed) return refusedChange(judge, before, 'softFailed', byCurrent.reason);

  const redaction = findRedactionTarget(judge, current);
  if (redaction.kind === 'needs') return redaction;
  return acceptChange(judge, before, ownSlot, redaction.target);
}

function stateIn(facts: Facts, state: StateMap<EventId>): AuthState {
  return (slot) => {
    const id = state.get(slot);
    return id === undefined ? undefined : facts.events.get(id)?.event;
  };
}

function missingFrom(facts: Facts, state: StateMap<EventId>, slots: readonly StateSlot[]): EventId[] {
  return [...state].filter(([slot, id]) => slots.includes(slot) && !facts.events.has(id)).map(([, id]) => id);
}

/**
 * Since v3 a received redaction is applied when its sender has the level, or is of the same server as the sender of
 * what it redacts. https://spec.matrix.org/v1.19/rooms/v3/#handling-redactions
 */
function findRedactionTarget(
  judge: Judge,
  current: AuthState,
): { readonly kind: 'target'; readonly target: RoomEvent | undefined } | NeedsMore {
  const { event, snapshot, facts } = judge;
  if (event.type !== 'm.room.redaction' || event.redacts === undefined)
    return { kind: 'target', target: undefined };
  if (!facts.events.has(event.redacts)) return { kind: 'needs', events: [event.redacts] };
  const target = facts.events.get(event.redacts);
  if (target === undefined || target.event.roomId !== event.roomId)
    return { kind: 'target', target: undefined };
  const levels = powerLevelsOf(current, snapshot.rules);
  const applies =
    snapshot.rules.redactionAuthRule ||
    levels.userLevel(event.sender) >= levels.redact ||
    serverNameOf(event.sender) === serverNameOf(target.event.sender);
  return { kind: 'target', target: applies ? target : undefined };
}

function acceptChange(
  judge: Judge,
  before: StateAtTips,
  ownSlot: StateSlot | undefined,
  redactsNow: RoomEvent | undefined,
): Decision {
  const { snapshot, facts, event, nid } = judge;
  const made: RoomEvent = { event, nid };
  const ownDelta: StateDelta = new Map(ownSlot === undefined ? [] : [[ownSlot, made]]);
  const stateAfter: RoomChange['stateAfter'] =
    ownSlot === undefined ? before.version : { kind: 'changed', from: before.version, delta: ownDelta };
  const isLate = facts.cited.has(event.eventId);
  const prevs = new Set(event.prevEvents);
  const remaining = snapshot.tips.filter((tip) => !prevs.has(tip.event.eventId));
  const common = {
    kind: 'change',
    event,
    nid,
    status: 'accepted',
    reason: undefined,
    intent: undefined,
  } as const;
  const replaces =
    ownSlot === undefined || before.full !== undefined ? undefined : snapshot.known.get(ownSlot);
  const change = { ...common, stateBefore: before.version, stateAfter, replaces, redactsNow };
  if (isLate) {
    return { ...change, currentState: snapshot.state, currentDelta: new Map(), tips: snapshot.tips };
  }
  const tips = [made, ...remaining];
  if (remaining.length === 0 && before.full === undefined) {
    return { ...change, currentState: stateAfter, currentDelta: ownDelta, tips };
  }
  const resolved = resolveTips(snapshot, facts, remaining, { event: made, before, ownSlot });
  if (resolved.kind === 'needs') return resolved;
  return {
    ...change,
    currentState: resolved.version,
    currentDelta: resolved.deltaToCurrent ?? new Map(),
    tips,
  };
}

function refusedChange(
  judge: Judge,
  before: StateAtTips,
  status: 'rejected' | 'softFailed',
  reason: string,
): RoomChange {
  return { ...unplaced(judge, status, reason), stateBefore: before.version, stateAfter: before.version };
}

/** A change that leaves the room as it is. */
function unplaced(judge: Judge, status: RoomChange['status'], reason: string | undefined): RoomChange {
  return {
    kind: 'change',
    event: judge.event,
    nid: judge.nid,
    status,
    reason,
    stateBefore: undefined,
    stateAfter: undefined,
    replaces: undefined,
    currentState: judge.snapshot.state,
    currentDelta: new Map(),
    tips: judge.snapshot.tips,
    redactsNow: undefined,
    intent: undefined,
  };
}
