import type { CacheUse } from '../util/counted-cache.ts';
import type { JsonObject } from '../util/json.ts';
import type { Log } from '../util/log.ts';
import {
  findTransactionResponse,
  numberRequest,
  type ClientTransactionKey,
} from '../storage/client-transactions.ts';
import type { RoomCommit, RoomCommitResult, SendingRequest } from '../storage/room-commit.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { Committer } from './committer.ts';
import { decideProposal, unknownRoom, type DecideDeps } from './decide-proposal.ts';
import type { RoomChange } from './decision.ts';
import type { Outcome, Proposal, ProposedEvent } from './intent.ts';
import { loadSnapshot } from './load-facts.ts';
import { listCurrentState } from '../storage/rooms.ts';
import { prepareCommit, type PrepareDeps } from './prepare-commit.ts';
import type { RoomSnapshot } from './snapshot.ts';

/** What entered a room with one commit, for those who wait for it. */
export interface CommittedChange {
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly events: readonly ProposedEvent[];
  /** Local users whose membership changed. */
  readonly memberships: readonly {
    readonly userNid: number;
    readonly membership: string;
    readonly isLocal: boolean;
  }[];
  /** Slots of the current state that changed, with their last event; undefined for one that is empty now. */
  readonly stateChanges: ReadonlyMap<number, number | undefined>;
  /** The newest position of the commit; undefined when nothing entered the timeline. */
  readonly position: number | undefined;
}

/** What a room's queue works with. */
export interface QueueDeps extends DecideDeps, PrepareDeps {
  readonly committer: Committer;
  readonly onCommitted: (change: CommittedChange) => void;
  readonly log: Log;
  /** How often a room's snapshot was at hand. */
  readonly snapshotUse: CacheUse;
}

interface Waiting {
  readonly proposal: Proposal;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

interface Decided extends Waiting {
  /** The number of its request, when that has a transaction id. */
  readonly request: string | undefined;
  readonly changes: readonly RoomChange[];
  readonly events: readonly ProposedEvent[];
}

const MOST_PROPOSALS_IN_COMMIT = 64;
/** Beyond this many loaded slots a snapshot is dropped after a commit and loaded afresh when next needed. */
const MOST_KNOWN_SLOTS = 20_000;

/**
 * The proposals of one room, in order. Rooms are independent of each other; within one, each batch is decided on
 * the snapshot that the last one has left.
 *
 * ```
 *   waiting ─► decided on the snapshot ─► one commit ─► committed: the snapshot moves on
 *      ▲                                      │
 *      └── stale, or a future or request was taken by someone else: reload, decide again
 * ```
 */
export class RoomQueue {
  readonly #deps: QueueDeps;
  readonly #roomId: RoomId;
  #snapshot: RoomSnapshot | undefined;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: QueueDeps, roomId: RoomId, snapshot?: RoomSnapshot) {
    this.#deps = deps;
    this.#roomId = roomId;
    this.#snapshot = snapshot;
  }

  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** How many proposals are not decided yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** How many slots of the room's state are in memory. */
  get knownSlots(): number {
    return this.#snapshot?.known.size ?? 0;
  }

  submit(proposal: Proposal): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ proposal, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const decided: Decided[] = [];
      try {
        await this.#turn(decided);
      } catch (error) {
        // The proposals of this turn fail with the error; whoever comes later starts from the database.
        this.#snapshot = undefined;
        const failed = decided.length > 0 ? decided : this.#waiting.splice(0, 1);
        for (const waiting of failed) waiting.reject(error);
      }
    }
    // In the same breath as the last look at the queue: whoever comes next must find it idle.
    this.#running = undefined;
  }

  async #turn(decided: Decided[]): Promise<void> {
    this.#deps.snapshotUse.note(this.#snapshot !== undefined);
    const start = this.#snapshot ?? (await loadSnapshot(this.#deps, this.#roomId));
    if (start === undefined) {
      for (const waiting of this.#waiting.splice(0)) waiting.resolve(unknownRoom());
      return;
    }
    this.#snapshot = start;
    const end = await this.#decideWaiting(start, decided);
    if (end === undefined || decided.length === 0) return;
    await this.#commit(start, end, decided);
  }

  /** Decides on waiting proposals until enough are together. undefined: the snapshot was stale, all wait again. */
  async #decideWaiting(start: RoomSnapshot, decided: Decided[]): Promise<RoomSnapshot | undefined> {
    let snapshot = start;
    while (decided.length < MOST_PROPOSALS_IN_COMMIT) {
      const [next] = this.#waiting;
      if (next === undefined) break;
      // By name, for one that is decided again has all that was decided before.
      const { proposal, resolve, reject } = next;
      const request = proposal.transaction && numberRequest(proposal.transaction.key);
      if (decided.some((other) => excludeEachOther(other, { proposal, request }))) break;
      const decision = await decideProposal(this.#deps, snapshot, proposal);
      if (decision.kind === 'flush') {
        if (decided.length === 0)
          throw new Error('a proposal needs itself committed before it can be decided');
        break;
      }
      const isFinal =
        decision.kind === 'ended' ||
        (decision.kind === 'changes' && decision.changes.length === 0 && !writesAnything(proposal));
      if (decision.kind === 'stale' || (isFinal && !(await this.#isCurrent(start)))) {
        this.#waiting.unshift(...decided.splice(0));
        this.#snapshot = undefined;
        return undefined;
      }
      this.#waiting.shift();
      snapshot = decision.snapshot;
      if (decision.kind === 'ended') {
        if (decided.length === 0) this.#snapshot = snapshot;
        resolve(decision.outcome);
      } else if (decision.changes.length === 0 && !writesAnything(proposal)) {
        resolve({ kind: 'committed', events: decision.events });
      } else {
        const { changes, events } = decision;
        decided.push({ proposal, resolve, reject, request, changes, events });
      }
    }
    return snapshot;
  }

  /** A commit finds out by itself that another process was quicker; what ends without one has to ask. */
  async #isCurrent(start: RoomSnapshot): Promise<boolean> {
    return (await listCurrentState(this.#deps.db, start.roomNid, []))?.version === start.version;
  }

  async #commit(start: RoomSnapshot, end: RoomSnapshot, decided: readonly Decided[]): Promise<void> {
    const changes = decided.flatMap((entry) => entry.changes);
    const prepared = await prepareCommit(this.#deps, start, end, changes);
    const { claims, transactions, requests, futures } = additionsOf(decided);
    const room: RoomCommit = { claims, transactions, requests, futures, ...prepared };
    const result = await this.#deps.committer.submit(room);
    if (result.kind === 'committed') {
      this.#settle(end, room, decided, result.positions);
      return;
    }
    this.#snapshot = undefined;
    await this.#retry(decided, result);
  }

  #settle(
    end: RoomSnapshot,
    room: RoomCommit,
    decided: readonly Decided[],
    positions: readonly (number | undefined)[],
  ): void {
    const isLarge = end.known.size > MOST_KNOWN_SLOTS;
    this.#snapshot = isLarge
      ? undefined
      : {
          ...end,
          version: room.expectedVersion + 1,
          state: { kind: 'stored', root: room.stateRoot },
          uncommitted: new Set(),
          uncommittedAnnotations: new Set(),
        };
    const positionOf = new Map(room.events.map((event, index) => [event.event_nid, positions[index]]));
    const place = (event: ProposedEvent): ProposedEvent => ({
      ...event,
      position: positionOf.get(event.nid),
    });
    const placed = decided.map((entry) => ({ entry, events: entry.events.map(place) }));
    this.#deps.onCommitted({
      roomNid: room.roomNid,
      roomId: room.roomId,
      events: placed.flatMap(({ events }) => events).filter((event) => event.position !== undefined),
      memberships: room.memberships,
      stateChanges: room.stateChanges,
      position: positions.findLast((position) => position !== undefined),
    });
    for (const { entry, events } of placed) entry.resolve({ kind: 'committed', events });
  }

  async #retry(decided: readonly Decided[], result: RoomCommitResult): Promise<void> {
    const culprit = decided.find(
      ({ proposal, events }) =>
        (result.kind === 'too-many-futures' &&
          proposal.futures?.(events).some((future) => future.futureNid === result.futureNid)) ||
        (result.kind === 'claim-lost' && proposal.resolves?.futureNid === result.futureNid) ||
        (result.kind === 'repeated' && isSameRequest(proposal.transaction?.key, result.transaction)),
    );
    this.#waiting.unshift(...decided.filter((entry) => entry !== culprit));
    if (culprit === undefined) return;
    if (result.kind !== 'repeated') {
      culprit.resolve({ kind: result.kind === 'too-many-futures' ? result.kind : 'future-gone' });
      return;
    }
    const response = result.response ?? (await findTransactionResponse(this.#deps.db, result.transaction));
    if (response === undefined) this.#waiting.unshift(culprit);
    else culprit.resolve({ kind: 'repeated', response });
  }
}

function writesAnything(proposal: Proposal): boolean {
  return (
    proposal.transaction !== undefined || proposal.resolves !== undefined || proposal.futures !== undefined
  );
}

function isSameRequest(a: ClientTransactionKey | undefined, b: ClientTransactionKey): boolean {
  return (
    a !== undefined &&
    a.userNid === b.userNid &&
    a.deviceId === b.deviceId &&
    a.endpoint === b.endpoint &&
    a.txnId === b.txnId
  );
}

/** Two ends of one future, or one request twice, must not share a commit: the first decides about the second. */
function excludeEachOther(a: Numbered, b: Numbered): boolean {
  const { resolves, transaction } = a.proposal;
  if (resolves !== undefined && resolves.futureNid === b.proposal.resolves?.futureNid) return true;
  return (
    a.request !== undefined &&
    a.request === b.request &&
    transaction?.key.userNid === b.proposal.transaction?.key.userNid
  );
}

type Numbered = Pick<Decided, 'proposal' | 'request'>;

function additionsOf(
  decided: readonly Decided[],
): Pick<RoomCommit, 'claims' | 'transactions' | 'requests' | 'futures'> {
  const requests = decided.flatMap(requestOf);
  const remembered = new Set(requests.map((request) => request.eventNid));
  return {
    requests,
    claims: decided.flatMap(({ proposal, events }) => {
      const [event] = events;
      if (proposal.resolves === undefined || event === undefined) return [];
      const { futureNid, expectedDeadlineTs, delayId } = proposal.resolves;
      return [{ futureNid, expectedDeadlineTs, delayId, sentEventId: event.event.eventId }];
    }),
    transactions: decided.flatMap(({ proposal: { transaction }, events }) => {
      const [event] = events;
      if (transaction === undefined || (event !== undefined && remembered.has(event.nid))) return [];
      return [{ ...transaction.key, response: (transaction.response ?? nameFirst)(events) }];
    }),
    futures: decided.flatMap(({ proposal, events }) => proposal.futures?.(events) ?? []),
  };
}

/** The request of a session that is answered with the event that it sends: the event remembers it. */
function requestOf({ proposal, request, changes, events: [event] }: Decided): SendingRequest[] {
  const { transaction } = proposal;
  if (transaction === undefined || request === undefined || transaction.response !== undefined) return [];
  const sessionNid = changes.find((change) => change.nid === event?.nid)?.intent?.session?.sessionNid;
  // What an application service sends belongs to no session, though it may name a device.
  if (event === undefined || sessionNid === undefined || sessionNid <= 0) return [];
  const { userNid, deviceId, endpoint, txnId } = transaction.key;
  return [{ userNid, deviceId, endpoint, txnId, sessionNid, eventNid: event.nid, request }];
}

function nameFirst([event]: readonly ProposedEvent[]): JsonObject {
  if (event === undefined) throw new Error('a proposal of one event has made none');
  return { event_id: event.event.eventId };
}
