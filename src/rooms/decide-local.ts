import { isDeepStrictEqual } from 'node:util';
import { authEventSlots } from '../matrix/auth-events.ts';
import { joinRuleIn } from '../matrix/auth-rules/join-rule.ts';
import type { AuthState } from '../matrix/auth-rules/verdict.ts';
import { checkAuthRules } from '../matrix/auth-rules/auth-rules.ts';
import { forbidden, MatrixError } from '../matrix/errors.ts';
import { stateSlot, type StateSlot } from '../matrix/event.ts';
import { buildEvent } from '../matrix/event-building.ts';
import { CREATE_SLOT, membershipOf, POWER_LEVELS_SLOT, powerLevelsOf } from '../matrix/power-levels.ts';
import { annotatedAlready, annotationId, annotationOf } from './annotations.ts';
import { closedRoom, isOpen } from './closed-room.ts';
import type { Decision, Facts, Identity, NeedsMore, RoomChange } from './decision.ts';
import type { LocalIntent } from './intent.ts';
import { judgeSender } from './judge-sender.ts';
import { knows, type RoomEvent, type RoomSnapshot, type StateDelta } from './snapshot.ts';

const MOST_PREV_EVENTS = 20;
const DEEPEST = Number.MAX_SAFE_INTEGER;

/**
 * Decides on an event that this server builds: on top of all forward extremities, authorised against the current
 * state as it is now. https://spec.matrix.org/v1.19/server-server-api/#authorization-rules
 */
export function decideLocal(
  snapshot: RoomSnapshot,
  facts: Facts,
  intent: LocalIntent,
  eventNid: number,
  identity: Identity,
): Decision {
  const { rules } = snapshot;
  const authSlots = authEventSlots(intent, rules);
  const ownSlot = intent.stateKey === undefined ? undefined : stateSlot(intent.type, intent.stateKey);
  const wanted = [CREATE_SLOT, POWER_LEVELS_SLOT, ...authSlots, ...(ownSlot === undefined ? [] : [ownSlot])];
  const unknown = wanted.filter((slot) => !knows(snapshot, slot));
  if (unknown.length > 0) return { kind: 'needs', slots: unknown };

  const stateOf: AuthState = (slot) => snapshot.known.get(slot)?.event;
  const membership = membershipOf(stateOf, intent.sender);
  const moves = intent.type === 'm.room.member' && intent.stateKey === intent.sender;
  const isMade = stateOf(CREATE_SLOT) !== undefined;
  // Who was never in a room can do nothing but come in, and is told nothing else.
  if (isMade && membership === undefined && !moves) return { kind: 'refused', error: closedRoom() };

  const redaction = findRedacted(snapshot, facts, intent);
  if (redaction.kind === 'needs') return redaction;
  const sender = judgeSender(intent.senderState, intent, {
    redactedSender: redaction.target?.event.sender,
    membership,
  });
  if (sender.kind === 'refused') return sender;

  const replaced = ownSlot === undefined ? undefined : snapshot.known.get(ownSlot);
  if (replaced !== undefined && isSameState(replaced, intent))
    return { kind: 'unchanged', current: replaced };

  // Whoever is shadow-banned redacts what was never there.
  const isOfNothing = sender.kind === 'pretended' && redaction.target === undefined;
  const refusal = isOfNothing ? undefined : judgeRedaction(snapshot, redaction.target, intent);
  if (refusal !== undefined) return { kind: 'refused', error: refusal };

  const event = tryBuild(snapshot, intent, authSlots, identity);
  if (event instanceof MatrixError) return { kind: 'refused', error: event };
  const verdict = checkAuthRules(event, stateOf, rules);
  if (!verdict.allowed) {
    const isHidden = membership === undefined && !isOpen(joinRuleIn(stateOf));
    return { kind: 'refused', error: isHidden ? closedRoom() : forbidden(verdict.reason) };
  }

  const repetition = findRepetition(snapshot, facts, intent);
  if (repetition !== undefined) return repetition;

  const made: RoomEvent = { event, nid: eventNid };
  if (sender.kind === 'pretended') return { kind: 'pretended', made };
  const delta: StateDelta = new Map(ownSlot === undefined ? [] : [[ownSlot, made]]);
  const stateAfter: RoomChange['stateAfter'] =
    delta.size === 0 ? snapshot.state : { kind: 'changed', from: snapshot.state, delta };
  return {
    kind: 'change',
    event,
    nid: eventNid,
    status: 'accepted',
    reason: undefined,
    stateBefore: snapshot.state,
    stateAfter,
    replaces: replaced,
    currentState: stateAfter,
    currentDelta: delta,
    tips: [made, ...deepestFirst(snapshot.tips).slice(MOST_PREV_EVENTS)],
    redactsNow: redaction.target,
    intent,
  };
}

/** Whether the sender has annotated the same event in this way already, be it right before. */
function findRepetition(
  snapshot: RoomSnapshot,
  facts: Facts,
  intent: LocalIntent,
): Extract<Decision, { kind: 'needs' | 'refused' }> | undefined {
  const annotation = annotationOf(intent);
  if (annotation === undefined) return undefined;
  const id = annotationId(annotation);
  const isThere = snapshot.uncommittedAnnotations.has(id) || facts.annotations.get(id);
  if (isThere === undefined) return { kind: 'needs', annotation };
  return isThere ? { kind: 'refused', error: annotatedAlready(annotation) } : undefined;
}

/** The same sender setting the same content again makes no new event, unless it is to be sticky anew. */
function isSameState(current: RoomEvent, intent: LocalIntent): boolean {
  return (
    intent.stickyDurationMs === undefined &&
    current.event.sender === intent.sender &&
    isDeepStrictEqual(current.event.content, intent.content)
  );
}

function deepestFirst(tips: readonly RoomEvent[]): readonly RoomEvent[] {
  return tips.toSorted((a, b) => b.event.depth - a.event.depth);
}

function tryBuild(
  snapshot: RoomSnapshot,
  intent: LocalIntent,
  authSlots: readonly StateSlot[],
  identity: Identity,
): ReturnType<typeof buildEvent> | MatrixError {
  const prevs = deepestFirst(snapshot.tips).slice(0, MOST_PREV_EVENTS);
  const deepest = prevs[0]?.event.depth ?? 0;
  try {
    return buildEvent({
      rules: snapshot.rules,
      roomId: snapshot.roomId,
      type: intent.type,
      sender: intent.sender,
      stateKey: intent.stateKey,
      content: intent.content,
      redacts: intent.redacts,
      prevEvents: prevs.map((tip) => tip.event),
      authEvents: authSlots.flatMap((slot) => snapshot.known.get(slot)?.event ?? []),
      depth: Math.min(deepest + 1, DEEPEST),
      originServerTs: intent.originServerTs,
      serverName: identity.serverName,
      key: identity.key,
      chosenEventId: intent.chosenEventId,
      stickyDurationMs: intent.stickyDurationMs,
    });
  } catch (error) {
    if (error instanceof MatrixError) return error;
    throw error;
  }
}

/** The event that a redaction redacts: undefined where that is not in this room. */
function findRedacted(
  snapshot: RoomSnapshot,
  facts: Facts,
  intent: LocalIntent,
): { readonly kind: 'found'; readonly target: RoomEvent | undefined } | NeedsMore {
  if (intent.type !== 'm.room.redaction' || intent.redacts === undefined)
    return { kind: 'found', target: undefined };
  if (snapshot.uncommitted.has(intent.redacts)) return { kind: 'needs', flush: true };
  if (!facts.events.has(intent.redacts)) return { kind: 'needs', events: [intent.redacts] };
  const found = facts.events.get(intent.redacts);
  return { kind: 'found', target: found?.event.roomId === snapshot.roomId ? found : undefined };
}

/**
 * Since v3 a redaction is authorised by the redact level, or because it redacts an event of its own sender; whoever
 * has neither is told so instead of sending one that nobody would apply.
 * https://spec.matrix.org/v1.19/rooms/v3/#handling-redactions
 */
function judgeRedaction(
  snapshot: RoomSnapshot,
  target: RoomEvent | undefined,
  intent: LocalIntent,
): MatrixError | undefined {
  if (intent.type !== 'm.room.redaction' || intent.redacts === undefined) return undefined;
  const levels = powerLevelsOf((slot) => snapshot.known.get(slot)?.event, snapshot.rules);
  const level = levels.userLevel(intent.sender);
  if (level >= levels.redact || target?.event.sender === intent.sender) return undefined;
  return forbidden(
    `Redacting an event of someone else needs power level ${levels.redact}; ${intent.sender} has ${level}.`,
  );
}
