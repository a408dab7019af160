import { LRUCache } from 'lru-cache';
import type { MatrixError } from '../matrix/errors.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import type { RoomVersionRules } from '../matrix/room-version.ts';
import type { Database } from '../storage/database.ts';
import { allotEventNids } from '../storage/events.ts';
import { allotRoomNid, StateKeys } from '../storage/rooms.ts';
import { StateTrie } from '../storage/state-trie.ts';
import { UserNids } from '../storage/users.ts';
import type { Clock } from '../util/clock.ts';
import { CacheUse } from '../util/counted-cache.ts';
import type { Log } from '../util/log.ts';
import { Committer, type BatchReport } from './committer.ts';
import { decideProposal } from './decide-proposal.ts';
import type { Identity } from './decision.ts';
import type { Intent, Outcome, Proposal, ProposedEvent } from './intent.ts';
import { prepareCommit } from './prepare-commit.ts';
import { RoomQueue, type CommittedChange, type QueueDeps } from './room-queue.ts';
import { emptySnapshot } from './snapshot.ts';

const MOST_ROOMS_AT_HAND = 5_000;
/** Of the current states of those rooms together: about 150 MB. */
const MOST_SLOTS_AT_HAND = 100_000;
const EVENT_NIDS_AT_ONCE = 200;

export interface PipelineDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly log: Log;
  /** Called after each commit, in the order of commits of a room. Must not throw. */
  readonly onCommitted: (change: CommittedChange) => void;
  /** How many slots of the states of rooms that rest are kept in memory, over all rooms; 100,000 unless said. */
  readonly mostSlotsAtHand?: number;
  /** Called after each transaction. Must not throw. */
  readonly onBatch?: ((report: BatchReport) => void) | undefined;
}

/** How much there is to do. */
export interface PipelineLoad {
  /** Rooms in which something is decided or committed. */
  readonly busyRooms: number;
  /** What is proposed and not decided yet. */
  readonly waitingProposals: number;
  /** Rooms whose changes wait for the commit that is in flight. */
  readonly waitingCommits: number;
}

/** How the making of a room ended. */
export type CreationOutcome =
  | { readonly kind: 'created'; readonly roomId: RoomId; readonly events: readonly ProposedEvent[] }
  | { readonly kind: 'refused'; readonly error: MatrixError };

/**
 * The one door: every event, however it arrives, is proposed here, decided on the room as it is then, and committed
 * with all that follows from it.
 */
export class Pipeline implements AsyncDisposable {
  readonly trie: StateTrie;
  readonly stateKeys: StateKeys;
  /** Of rooms' snapshots, and of the numbers of users. */
  readonly snapshotUse = new CacheUse();
  readonly userUse: CacheUse;
  readonly #database: Database;
  readonly #queueDeps: QueueDeps;
  readonly #committer: Committer;
  /** Rooms that were written to of late. One that is busy must not be dropped: two queues would fight each other. */
  readonly #idleRooms: LRUCache<RoomId, RoomQueue>;
  readonly #busyRooms = new Map<RoomId, RoomQueue>();
  #eventNids: number[] = [];
  #refill: Promise<void> | undefined;

  constructor(deps: PipelineDeps) {
    const { database, clock, identity, log, onCommitted } = deps;
    const { db } = database;
    this.#database = database;
    this.trie = new StateTrie(db);
    this.stateKeys = new StateKeys(db);
    const userNids = new UserNids(db);
    this.userUse = userNids.cacheUse;
    this.#idleRooms = new LRUCache({
      max: MOST_ROOMS_AT_HAND,
      maxSize: deps.mostSlotsAtHand ?? MOST_SLOTS_AT_HAND,
      sizeCalculation: sizeOf,
    });
    this.#committer = new Committer({ database, clock, onBatch: deps.onBatch });
    this.#queueDeps = {
      db,
      trie: this.trie,
      stateKeys: this.stateKeys,
      identity,
      serverName: identity.serverName,
      committer: this.#committer,
      log,
      onCommitted,
      snapshotUse: this.snapshotUse,
      takeEventNid: () => this.#takeEventNid(),
      internUsers: (userIds) => userNids.intern(userIds),
    };
  }

  get load(): PipelineLoad {
    const queues = [...this.#busyRooms.values()];
    return {
      busyRooms: queues.filter((queue) => !queue.isIdle).length,
      waitingProposals: queues.reduce((sum, queue) => sum + queue.waiting, 0),
      waitingCommits: this.#committer.waiting,
    };
  }

  /** Proposes something for a room that exists. Rejects only when the database is lost; nothing is known then. */
  async submit(proposal: Proposal): Promise<Outcome> {
    const { roomId } = proposal;
    const queue =
      this.#busyRooms.get(roomId) ?? this.#idleRooms.get(roomId) ?? new RoomQueue(this.#queueDeps, roomId);
    this.#busyRooms.set(roomId, queue);
    try {
      return await queue.submit(proposal);
    } finally {
      // The queue may have been given more to do in the meantime; whoever finishes last puts it away.
      setImmediate(() => {
        if (!queue.isIdle || this.#busyRooms.get(roomId) !== queue) return;
        this.#busyRooms.delete(roomId);
        this.#rest(roomId, queue);
      });
    }
  }

  /** Puts a room away. One that is there already is counted anew only when it has grown or shrunk. */
  #rest(roomId: RoomId, queue: RoomQueue): void {
    const known = this.#idleRooms.info(roomId);
    if (known?.value === queue && known.size === sizeOf(queue)) return;
    this.#idleRooms.delete(roomId);
    this.#idleRooms.set(roomId, queue);
  }

  /** Makes a room of `intents`, the first of which is its create event. All of it or nothing. */
  async createRoom(room: {
    readonly rules: RoomVersionRules;
    /** undefined where the room id is the hash of the create event. */
    readonly roomId: RoomId | undefined;
    readonly intents: readonly Intent[];
  }): Promise<CreationOutcome> {
    const roomNid = await allotRoomNid(this.#database.db);
    const start = emptySnapshot(roomNid, room.roomId, room.rules);
    // The id is filled in by the create event; nothing reads it before.
    const proposal = { roomId: room.roomId ?? ('' as RoomId), intents: room.intents };
    const decision = await decideProposal(this.#queueDeps, start, proposal);
    if (decision.kind === 'ended' && decision.outcome.kind === 'refused') return decision.outcome;
    if (decision.kind !== 'changes') throw new Error(`a new room was decided as ${decision.kind}`);
    const prepared = await prepareCommit(this.#queueDeps, start, decision.snapshot, decision.changes);
    const result = await this.#committer.submit({
      claims: [],
      transactions: [],
      requests: [],
      futures: [],
      ...prepared,
    });
    if (result.kind !== 'committed') throw new Error(`a new room was committed as ${result.kind}`);
    const events = decision.events.map((event, index) => ({ ...event, position: result.positions[index] }));
    this.#queueDeps.onCommitted({
      roomNid,
      roomId: prepared.roomId,
      events,
      memberships: prepared.memberships,
      stateChanges: prepared.stateChanges,
      position: result.positions.findLast((position) => position !== undefined),
    });
    return { kind: 'created', roomId: prepared.roomId, events };
  }

  /** Waits for what is in flight; nothing new is to be submitted. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#busyRooms.values()].map((queue) => queue.idle()));
    await this.#committer.idle();
  }

  async #takeEventNid(): Promise<number> {
    for (;;) {
      const nid = this.#eventNids.pop();
      if (nid !== undefined) return nid;
      this.#refill ??= allotEventNids(this.#database.db, EVENT_NIDS_AT_ONCE)
        .then((nids) => {
          this.#eventNids = nids.toReversed();
        })
        .finally(() => {
          this.#refill = undefined;
        });
      await this.#refill;
    }
  }
}

function sizeOf(queue: RoomQueue): number {
  return queue.knownSlots + 1;
}
