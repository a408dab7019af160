import type { StateMap } from '../matrix/event.ts';
import type { EventId } from '../matrix/identifiers.ts';
import type { StateRoot } from '../storage/state-node.ts';
import { hasAnnotated } from '../storage/relations.ts';
import { annotationId } from './annotations.ts';
import { closedRoom } from './closed-room.ts';
import { decide } from './decide.ts';
import {
  evolve,
  type Facts,
  type Identity,
  type KnownEvent,
  type NeedsMore,
  type RoomChange,
} from './decision.ts';
import type { Outcome, Proposal, ProposedEvent, ResolvedFuture } from './intent.ts';
import { loadCited, loadEvents, loadSlots, loadState, type LoadDeps } from './load-facts.ts';
import { knows, withKnown, type RoomSnapshot } from './snapshot.ts';

/** What deciding on proposals uses. */
export interface DecideDeps extends LoadDeps {
  readonly identity: Identity;
  readonly takeEventNid: () => Promise<number>;
}

/** A proposal on a snapshot: what it changes, how it ended, or that the snapshot must be renewed first. */
export type ProposalDecision =
  | {
      readonly kind: 'changes';
      readonly snapshot: RoomSnapshot;
      readonly changes: readonly RoomChange[];
      /** In the order of the intents; positions are not known yet. */
      readonly events: readonly ProposedEvent[];
    }
  | { readonly kind: 'ended'; readonly outcome: Outcome; readonly snapshot: RoomSnapshot }
  /** The snapshot is older than the database. */
  | { readonly kind: 'stale' }
  /** What was decided before must be committed first. */
  | { readonly kind: 'flush' };

const MOST_ROUNDS = 10_000;

class Loaded implements Facts {
  readonly events = new Map<EventId, KnownEvent | undefined>();
  readonly states = new Map<StateRoot, StateMap<EventId>>();
  readonly cited = new Set<EventId>();
  readonly annotations = new Map<string, boolean>();
}

/** Decides on all intents of a proposal in order, each on what the one before has made; loads what is lacking. */
export async function decideProposal(
  deps: DecideDeps,
  start: RoomSnapshot,
  proposal: Proposal,
): Promise<ProposalDecision> {
  const facts = new Loaded();
  const received = proposal.intents.flatMap((intent) =>
    intent.kind === 'received' ? [intent.event.eventId] : [],
  );
  if (received.length > 0) {
    for (const id of await loadCited(deps.db, start.roomNid, received)) facts.cited.add(id);
  }
  const watched = await isStillWatched(deps, start, proposal);
  if (watched.kind !== 'checked') return watched;
  let { snapshot } = watched;
  const changes: RoomChange[] = [];
  const events: ProposedEvent[] = [];
  for (const intent of proposal.intents) {
    const nid = await deps.takeEventNid();
    for (let round = 0; ; round += 1) {
      if (round > MOST_ROUNDS)
        throw new Error(`no decision in ${proposal.roomId} after ${round} rounds of loading`);
      const decision = decide(snapshot, facts, intent, nid, deps.identity);
      if (decision.kind === 'refused' || decision.kind === 'missing') {
        return { kind: 'ended', outcome: decision, snapshot: start };
      }
      if (decision.kind === 'needs') {
        if (decision.flush === true) return { kind: 'flush' };
        const fuller = await load(deps, snapshot, facts, decision);
        if (fuller === undefined) return { kind: 'stale' };
        snapshot = fuller;
        continue;
      }
      if (decision.kind === 'change') {
        changes.push(decision);
        snapshot = evolve(snapshot, decision);
      }
      events.push(describe(decision));
      break;
    }
  }
  return { kind: 'changes', snapshot, changes, events };
}

function describe(
  decision:
    | RoomChange
    | { kind: 'unchanged'; current: { event: KnownEvent['event']; nid: number } }
    | { kind: 'pretended'; made: { event: KnownEvent['event']; nid: number } }
    | { kind: 'known'; known: KnownEvent },
): ProposedEvent {
  if (decision.kind === 'unchanged') {
    return { ...decision.current, verdict: 'unchanged', reason: undefined, position: undefined };
  }
  if (decision.kind === 'pretended') {
    return { ...decision.made, verdict: 'pretended', reason: undefined, position: undefined };
  }
  if (decision.kind === 'known') {
    const { event, nid } = decision.known;
    return { event, nid, verdict: 'known', reason: undefined, position: undefined };
  }
  return {
    event: decision.event,
    nid: decision.nid,
    verdict: decision.status,
    reason: decision.reason,
    position: undefined,
  };
}

/** What hangs on a state event, as some futures do, is moot as soon as another one is current; the snapshot is what decides. */
async function isStillWatched(
  deps: DecideDeps,
  start: RoomSnapshot,
  proposal: Proposal,
): Promise<{ readonly kind: 'checked'; readonly snapshot: RoomSnapshot } | ProposalDecision> {
  const { resolves } = proposal;
  const gone = { kind: 'ended', outcome: { kind: 'future-gone' }, snapshot: start } as const;
  if (resolves?.isWithdrawn?.() === true) return gone;
  if (resolves?.contested !== undefined && isOvertaken(start, resolves.contested)) return gone;
  const watched = proposal.onlyWhile ?? resolves?.watched;
  if (watched === undefined) return { kind: 'checked', snapshot: start };
  let snapshot = start;
  if (!knows(snapshot, watched.slot)) {
    const loaded = await loadSlots(deps, snapshot, [watched.slot]);
    if (loaded === undefined) return { kind: 'stale' };
    snapshot = withKnown(snapshot, loaded);
  }
  if (snapshot.known.get(watched.slot)?.event.eventId === watched.eventId)
    return { kind: 'checked', snapshot };
  return { ...gone, snapshot };
}

/** State that is committed has ended the future already; what the same commit will bring is ahead of it as well. */
function isOvertaken(
  snapshot: RoomSnapshot,
  { slot, ownerId }: NonNullable<ResolvedFuture['contested']>,
): boolean {
  const holder = snapshot.known.get(slot)?.event;
  return holder !== undefined && holder.sender !== ownerId && snapshot.uncommitted.has(holder.eventId);
}

/** Loads what a decision lacks; undefined when the snapshot has become stale. */
async function load(
  deps: DecideDeps,
  snapshot: RoomSnapshot,
  facts: Loaded,
  needs: NeedsMore,
): Promise<RoomSnapshot | undefined> {
  if (needs.events !== undefined && needs.events.length > 0) {
    for (const [id, known] of await loadEvents(deps.db, needs.events)) facts.events.set(id, known);
  }
  for (const root of needs.states ?? []) facts.states.set(root, await loadState(deps, root));
  if (needs.annotation !== undefined)
    facts.annotations.set(annotationId(needs.annotation), await hasAnnotated(deps.db, needs.annotation));
  if (needs.slots === undefined || needs.slots.length === 0) return snapshot;
  const loaded = await loadSlots(deps, snapshot, needs.slots);
  return loaded === undefined ? undefined : withKnown(snapshot, keepNewer(snapshot, loaded));
}

/** Slots that uncommitted changes have set already are newer than what the database says. */
function keepNewer<K, V>(
  snapshot: { readonly known: { has(key: K): boolean } },
  loaded: ReadonlyMap<K, V>,
): Map<K, V> {
  return new Map([...loaded].filter(([slot]) => !snapshot.known.has(slot)));
}

/** The outcome for a room that this server does not know. */
export function unknownRoom(): Outcome {
  return { kind: 'refused', error: closedRoom() };
}
