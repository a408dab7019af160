import type { RoomId } from '../matrix/identifiers.ts';
import type { EventRelation } from '../matrix/relations.ts';
import type { JsonObject } from '../util/json.ts';
import type { ClientTransactionKey } from './client-transactions.ts';
import type { EventTable, MissingPrevEventTable } from './events.ts';
import type { FutureClaim, NewFuture, ReplacedSlot } from './future-commit.ts';
import type { Membership } from './memberships.ts';
import type { EncodedNode, StateRoot } from './state-node.ts';

/** An event row without its position, which the commit allots when `inTimeline` says so. */
export interface EventToInsert extends Omit<
  EventTable,
  'position' | 'state_before' | 'state_after' | 'request' | 'json'
> {
  readonly state_before: StateRoot | null;
  /** null when the same as before. */
  readonly state_after: StateRoot | null;
  /** The PDU in canonical JSON. */
  readonly json: string;
  readonly inTimeline: boolean;
  /** What it relates to: stored when it is in a timeline. */
  readonly relation: EventRelation | undefined;
  /** How long it says that it is sticky. */
  readonly stickyDurationMs: number | undefined;
  /** The room's current state once this event is in, when the event changed it. */
  readonly currentRoot: StateRoot | undefined;
}

export interface MembershipChange {
  readonly userNid: number;
  readonly membership: Membership;
  readonly eventNid: number;
  readonly isLocal: boolean;
}

/** A request that is remembered in its event. */
export interface SendingRequest extends ClientTransactionKey {
  readonly sessionNid: number;
  readonly eventNid: number;
  /** Its `numberRequest`. */
  readonly request: string;
}

/** All that one commit changes in one room. */
export interface RoomCommit {
  readonly roomNid: number;
  readonly roomId: RoomId;
  readonly roomVersion: string;
  /** The version that the decisions were made on; 0 makes the room. */
  readonly expectedVersion: number;
  readonly events: readonly EventToInsert[];
  readonly nodes: readonly EncodedNode[];
  readonly stateRoot: StateRoot;
  /** Slots of the current state that changed, with their last event; undefined empties one. */
  readonly stateChanges: ReadonlyMap<number, number | undefined>;
  readonly memberships: readonly MembershipChange[];
  readonly extremities: readonly number[];
  readonly missingPrevs: readonly Omit<MissingPrevEventTable, 'room_nid'>[];
  /** Redacted events and the redactions that apply to them. */
  readonly redactions: readonly { readonly targetNid: number; readonly redactionNid: number }[];
  readonly claims: readonly FutureClaim[];
  readonly transactions: readonly (ClientTransactionKey & { readonly response: JsonObject })[];
  /** Requests of sessions that are answered with the id of an event that they send. */
  readonly requests: readonly SendingRequest[];
  readonly futures: readonly NewFuture[];
  /** Slots that were taken by another event, for the futures that watch them. */
  readonly replacedSlots: readonly ReplacedSlot[];
}

/**
 * What became of a room in a commit. `stale`: the room has moved on, decide again. `claim-lost`: the future was
 * resolved otherwise, `repeated`: the same request was answered before, `too-many-futures`: the owner of a new one has as
 * many pending as they may; these name the one to leave out.
 */
export type RoomCommitResult =
  | { readonly kind: 'committed'; readonly positions: readonly (number | undefined)[] }
  | { readonly kind: 'stale' }
  | { readonly kind: 'claim-lost'; readonly futureNid: number }
  | {
      readonly kind: 'repeated';
      readonly transaction: ClientTransactionKey;
      /** The answer, where it came to hand. */
      readonly response?: JsonObject;
    }
  | { readonly kind: 'too-many-futures'; readonly futureNid: number }
  | { readonly kind: 'undone' };
