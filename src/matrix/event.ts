import type { Brand } from '../util/brand.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import type { EventId, RoomId, UserId } from './identifiers.ts';

/** A PDU as it is on the wire: after the format check of its room version, before anything is believed. */
export interface Pdu extends JsonObject {
  readonly type: string;
  readonly sender: string;
  readonly content: JsonObject;
  readonly depth: number;
  readonly origin_server_ts: number;
  readonly prev_events: readonly JsonValue[];
  readonly auth_events: readonly JsonValue[];
}

/**
 * An event of a room, parsed once: what auth rules, state resolution, storage and readers work on.
 * `pdu` is the federation form (hashes and signatures in it, no `unsigned` of ours); v1–v2 hold `event_id` in it.
 */
export interface MatrixEvent {
  readonly eventId: EventId;
  readonly roomId: RoomId;
  readonly type: string;
  readonly sender: UserId;
  /** undefined for a message event; a state event may have the empty string. */
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
  readonly depth: number;
  readonly originServerTs: number;
  readonly prevEvents: readonly EventId[];
  /** Since v12 without the create event, as on the wire. */
  readonly authEvents: readonly EventId[];
  /** The event that an m.room.redaction names, wherever the room version keeps it. */
  readonly redacts: EventId | undefined;
  /** How long it says that it is sticky, in milliseconds; undefined when it is not. */
  readonly stickyDurationMs: number | undefined;
  readonly pdu: Pdu;
}

/** A state event: one whose `stateKey` is there. */
export type StateEvent = MatrixEvent & { readonly stateKey: string };

/** True when the event has a state key, the empty one included. */
export function isStateEvent(event: MatrixEvent): event is StateEvent {
  return event.stateKey !== undefined;
}

/** One slot of room state, `type` and `state_key` in one string that can key a Map. Made by {@link stateSlot} only. */
export type StateSlot = Brand<string, 'StateSlot'>;

/** The slot of (type, state_key). The type is preceded by its length, so that no two pairs share a slot. */
export function stateSlot(type: string, stateKey: string): StateSlot {
  return `${type.length}:${type}${stateKey}` as StateSlot;
}

/** The (type, state_key) of a slot. */
export function splitStateSlot(slot: StateSlot): { readonly type: string; readonly stateKey: string } {
  const colon = slot.indexOf(':');
  const typeEnd = colon + 1 + Number(slot.slice(0, colon));
  return { type: slot.slice(colon + 1, typeEnd), stateKey: slot.slice(typeEnd) };
}

/** Room state as auth rules and readers see it. */
export type StateMap<T = MatrixEvent> = ReadonlyMap<StateSlot, T>;
