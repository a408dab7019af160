import type { MatrixEvent, StateSlot } from '../matrix/event.ts';
import type { AccountState } from '../matrix/account-state.ts';
import type { MatrixError } from '../matrix/errors.ts';
import type { EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import type { ClientTransactionKey } from '../storage/client-transactions.ts';
import type { NewFuture } from '../storage/future-commit.ts';
import type { JsonObject } from '../util/json.ts';
import type { RoomEvent } from './snapshot.ts';

/** An event that this server is to build: sent by a client, or what a future has become. */
export interface LocalIntent {
  readonly kind: 'local';
  readonly sender: UserId;
  /** How the sender's account is restricted; undefined when the server itself acts in their name. */
  readonly senderState: AccountState | undefined;
  readonly type: string;
  /** undefined for a message event. */
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
  /** For m.room.redaction: the event to redact, wherever the client wrote it. */
  readonly redacts: EventId | undefined;
  /** Milliseconds since the epoch. */
  readonly originServerTs: number;
  /** The id that the event takes in room versions where servers choose ids; unused elsewhere. */
  readonly chosenEventId: EventId;
  /** The session that sends it and its transaction id, for `unsigned.transaction_id`. */
  readonly session: { readonly sessionNid: number; readonly txnId: string } | undefined;
  /** The delayed event that this event is, for `unsigned` towards its sender. */
  readonly delayId: string | undefined;
  /** Makes it sticky for so many milliseconds. */
  readonly stickyDurationMs?: number | undefined;
}

/** A PDU of another server: format, signatures and content hash are checked already. */
export interface ReceivedIntent {
  readonly kind: 'received';
  readonly event: MatrixEvent;
  /**
   * `outlier`: known by name and auth events only, without a place in the graph. `reconsidered`: soft-failed when it
   * came, and the room may have changed its mind.
   */
  readonly placement: 'live' | 'outlier' | 'reconsidered';
}

export type Intent = LocalIntent | ReceivedIntent;

/** The future whose alternative the proposal's event is. */
export interface ResolvedFuture {
  readonly futureNid: number;
  readonly delayId: string;
  /** The deadline at which its timer fired; undefined when an action or its owner sends it. */
  readonly expectedDeadlineTs: number | undefined;
  /** The future lives only while this event holds this slot. */
  readonly watched: { readonly slot: StateSlot; readonly eventId: EventId } | undefined;
  /** A slot in which state of anyone but the future's owner ends it. */
  readonly contested?: { readonly slot: StateSlot; readonly ownerId: UserId } | undefined;
  /** Asked right before it is decided: true when it must wait after all, because one before it in its room has to. */
  readonly isWithdrawn?: (() => boolean) | undefined;
}

/** What is to happen in one room, all of it or nothing, with what must be in the same commit. */
export interface Proposal {
  readonly roomId: RoomId;
  readonly intents: readonly Intent[];
  readonly transaction?:
    | {
        readonly key: ClientTransactionKey;
        /** What a repeat is answered with; the id of the first event unless said. */
        readonly response?: (events: readonly ProposedEvent[]) => JsonObject;
      }
    | undefined;
  readonly resolves?: ResolvedFuture | undefined;
  /** Goes through only while this event holds this slot; else it ends as `future-gone`. */
  readonly onlyWhile?: { readonly slot: StateSlot; readonly eventId: EventId } | undefined;
  /** Futures that are stored together with the events. */
  readonly futures?: ((events: readonly ProposedEvent[]) => readonly NewFuture[]) | undefined;
}

/** What an event became. */
export type EventVerdict =
  | 'accepted'
  | 'unchanged'
  | 'pretended'
  | 'softFailed'
  | 'rejected'
  | 'outlier'
  | 'known';

/** One event of a proposal that went through. */
export interface ProposedEvent extends RoomEvent {
  /**
   * `unchanged`: the same state was set already, and `event` is the one that holds it. `pretended`: its sender is
   * shadow-banned, and the event was built and allowed but is nowhere.
   */
  readonly verdict: EventVerdict;
  /** Why it was rejected or soft-failed. */
  readonly reason: string | undefined;
  /** Its place in the stream, when it was given one. */
  readonly position: number | undefined;
}

/** How a proposal ended. */
export type Outcome =
  | { readonly kind: 'committed'; readonly events: readonly ProposedEvent[] }
  /** A client's event that the room does not allow. Nothing was written. */
  | { readonly kind: 'refused'; readonly error: MatrixError }
  /** A received event cites events that are not here. Nothing was written. */
  | { readonly kind: 'missing'; readonly eventIds: readonly EventId[] }
  /** The same request was answered before, with this. */
  | { readonly kind: 'repeated'; readonly response: JsonObject }
  /** Whom a new future belongs to has as many pending as they may. Nothing was written. */
  | { readonly kind: 'too-many-futures' }
  /** The future is pending no more, what it (or `onlyWhile`) watches is no longer current, or it was withdrawn. */
  | { readonly kind: 'future-gone' };
