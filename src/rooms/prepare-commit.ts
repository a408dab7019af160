import { isStateEvent, splitStateSlot, stateSlot, type StateSlot } from '../matrix/event.ts';
import { encodeCanonicalJson, LENIENT_JSON } from '../matrix/canonical-json.ts';
import { parseUserId, serverNameOf, type ServerName, type UserId } from '../matrix/identifiers.ts';
import { membershipIn } from '../matrix/power-levels.ts';
import { relationIn } from '../matrix/relations.ts';
import type { EventToInsert, MembershipChange, RoomCommit } from '../storage/room-commit.ts';
import { EVENT_STATUS } from '../storage/events.ts';
import type { ReplacedSlot } from '../storage/future-commit.ts';
import type { StateKeys } from '../storage/rooms.ts';
import type { EncodedNode, StateRoot } from '../storage/state-node.ts';
import type { StateTrie } from '../storage/state-trie.ts';
import type { RoomChange } from './decision.ts';
import type { RoomEvent, RoomSnapshot, StateVersion } from './snapshot.ts';

/** What preparing a commit uses: interning of names, and the trie that makes new states. */
export interface PrepareDeps {
  readonly serverName: ServerName;
  readonly trie: StateTrie;
  readonly stateKeys: StateKeys;
  readonly internUsers: (userIds: readonly UserId[]) => Promise<ReadonlyMap<UserId, number>>;
}

/** The rows of one room's changes, without what proposals add (claims, transactions, requests, futures). */
export type PreparedRoom = Omit<RoomCommit, 'claims' | 'transactions' | 'requests' | 'futures'>;

/**
 * Turns decided changes into rows: names are interned, new states are built in the trie. Writes nothing that counts;
 * the commit does.
 */
export async function prepareCommit(
  deps: PrepareDeps,
  start: RoomSnapshot,
  end: RoomSnapshot,
  changes: readonly RoomChange[],
): Promise<PreparedRoom> {
  const slots = changes.flatMap((change) => slotsOf(change));
  const [keyNids, userNids] = await Promise.all([
    deps.stateKeys.intern(slots),
    deps.internUsers(changes.flatMap((change) => usersOf(change))),
  ]);
  const nidOf = (slot: StateSlot): number => required(keyNids.get(slot), slot);
  const states = new StateBuilder(deps.trie, nidOf);
  const events: EventToInsert[] = [];
  for (const change of changes) {
    events.push(
      await eventRow(change, start.roomNid, states, nidOf, (userId) =>
        required(userNids.get(userId), userId),
      ),
    );
  }
  const delta = new Map(changes.flatMap((change) => [...change.currentDelta]));
  const roomId = required(end.roomId, 'a room id');
  return {
    roomNid: start.roomNid,
    roomId,
    roomVersion: start.rules.version,
    expectedVersion: start.version,
    events,
    nodes: states.nodes,
    stateRoot: await states.rootOf(end.state),
    stateChanges: new Map([...delta].map(([slot, holder]) => [nidOf(slot), holder?.nid])),
    memberships: membershipChanges(delta, deps.serverName, userNids),
    extremities: end.tips.map((tip) => tip.nid),
    missingPrevs: [],
    redactions: changes.flatMap((change) =>
      change.redactsNow === undefined ? [] : [{ targetNid: change.redactsNow.nid, redactionNid: change.nid }],
    ),
    replacedSlots: [...delta].map(([slot, holder]): ReplacedSlot => ({
      roomNid: start.roomNid,
      stateKeyNid: nidOf(slot),
      eventId: holder?.event.eventId,
      senderNid: holder === undefined ? undefined : userNids.get(holder.event.sender),
    })),
  };
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} was not interned`);
  return value;
}

function slotsOf(change: RoomChange): StateSlot[] {
  const { event } = change;
  const own = isStateEvent(event) ? [stateSlot(event.type, event.stateKey)] : [];
  return [
    ...own,
    ...change.currentDelta.keys(),
    ...deltaSlots(change.stateBefore),
    ...deltaSlots(change.stateAfter),
  ];
}

function deltaSlots(version: StateVersion | undefined): StateSlot[] {
  return version?.kind === 'changed' ? [...version.delta.keys()] : [];
}

function usersOf(change: RoomChange): UserId[] {
  const targets = [...change.currentDelta.keys()]
    .map(splitStateSlot)
    .filter((slot) => slot.type === 'm.room.member');
  const holders = [...change.currentDelta.values()].flatMap((holder) => holder?.event.sender ?? []);
  return [change.event.sender, ...holders, ...targets.flatMap((slot) => parseUserId(slot.stateKey) ?? [])];
}

async function eventRow(
  change: RoomChange,
  roomNid: number,
  states: StateBuilder,
  nidOf: (slot: StateSlot) => number,
  userNidOf: (userId: UserId) => number,
): Promise<EventToInsert> {
  const { event, intent } = change;
  const before = change.stateBefore === undefined ? null : await states.rootOf(change.stateBefore);
  const after = change.stateAfter === undefined ? null : await states.rootOf(change.stateAfter);
  return {
    event_nid: change.nid,
    event_id: event.eventId,
    room_nid: roomNid,
    status: EVENT_STATUS[change.status],
    depth: event.depth,
    origin_server_ts: event.originServerTs,
    sender_nid: userNidOf(event.sender),
    type: event.type,
    state_key_nid: isStateEvent(event) ? nidOf(stateSlot(event.type, event.stateKey)) : null,
    state_before: before,
    state_after: after === before ? null : after,
    replaces_nid: change.replaces?.nid ?? null,
    redacted_by_nid: null,
    redacts: event.redacts ?? null,
    session_nid: intent?.session?.sessionNid ?? null,
    txn_id: intent?.session?.txnId ?? null,
    delay_id: intent?.delayId ?? null,
    rejection: change.reason ?? null,
    json: encodeCanonicalJson(event.pdu, LENIENT_JSON),
    inTimeline: change.status === 'accepted',
    relation: relationIn(event.content),
    stickyDurationMs: event.stickyDurationMs,
    currentRoot: change.currentDelta.size === 0 ? undefined : await states.rootOf(change.currentState),
  };
}

function membershipChanges(
  delta: ReadonlyMap<StateSlot, RoomEvent | undefined>,
  serverName: ServerName,
  userNids: ReadonlyMap<UserId, number>,
): MembershipChange[] {
  return [...delta].flatMap(([slot, holder]) => {
    const { type, stateKey } = splitStateSlot(slot);
    const userId = type === 'm.room.member' ? parseUserId(stateKey) : undefined;
    if (userId === undefined || holder === undefined) return [];
    return [
      {
        userNid: required(userNids.get(userId), userId),
        membership: membershipIn(holder.event.content) ?? 'leave',
        eventNid: holder.nid,
        isLocal: serverNameOf(userId) === serverName,
      },
    ];
  });
}

/** Builds the tries of state versions, each once, and gathers the nodes that they add. */
class StateBuilder {
  readonly nodes: EncodedNode[] = [];
  readonly #trie: StateTrie;
  readonly #nidOf: (slot: StateSlot) => number;
  readonly #roots = new Map<StateVersion, StateRoot>();

  constructor(trie: StateTrie, nidOf: (slot: StateSlot) => number) {
    this.#trie = trie;
    this.#nidOf = nidOf;
  }

  async rootOf(version: StateVersion): Promise<StateRoot> {
    if (version.kind === 'stored') return version.root;
    const known = this.#roots.get(version);
    if (known !== undefined) return known;
    const from = await this.rootOf(version.from);
    const changes = new Map([...version.delta].map(([slot, holder]) => [this.#nidOf(slot), holder?.nid]));
    const { root, nodes } = await this.#trie.apply(from, changes);
    this.nodes.push(...nodes);
    this.#roots.set(version, root);
    return root;
  }
}
