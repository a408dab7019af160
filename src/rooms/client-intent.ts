import type { AccountState } from '../matrix/account-state.ts';
import { badJson, invalidParam, tooLarge, type MatrixError } from '../matrix/errors.ts';
import { chooseEventId } from '../matrix/event-building.ts';
import {
  parseEventId,
  parseUserId,
  type EventId,
  type ServerName,
  type UserId,
} from '../matrix/identifiers.ts';
import { MAX_OWNED_STATE_KEY_BYTES } from '../matrix/event-size.ts';
import { CanonicalJsonError, encodeCanonicalJson } from '../matrix/canonical-json.ts';
import { membershipIn } from '../matrix/power-levels.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';
import type { Random } from '../util/random.ts';
import type { LocalIntent } from './intent.ts';

/** An event as a client writes it, now or for later. */
export interface ClientEventInput {
  readonly type: string;
  /** undefined for a message event. */
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
  /** What an m.room.redaction redacts; `content.redacts` counts when this is undefined. */
  readonly redacts?: EventId | undefined;
  /** Makes it sticky for so many milliseconds from when it is sent; at most an hour. */
  readonly stickyDurationMs?: number | undefined;
  /** The time that it is to have, in milliseconds since the epoch; that at which it is sent when left out. */
  readonly originServerTs?: number | undefined;
}

/** What is left of the member event of somebody who is shadow-banned. */
const SILENT_MEMBER_KEYS: readonly string[] = ['membership', 'displayname', 'avatar_url'];
const MOST_NAME_BYTES = 255;
const MOST_EVENT_BYTES = 65_536;
/** What a PDU needs beside its content: previous and auth events, hashes, signature, names. */
const PDU_RESERVE_BYTES = 2_048;

/**
 * What is wrong with an event whatever the room's state says, or undefined. The same for an event that is sent now
 * and for one that is scheduled. https://spec.matrix.org/v1.19/client-server-api/#size-limits
 */
export function findEventFault(event: ClientEventInput): MatrixError | undefined {
  if (event.type === '') return badJson('The event type must not be empty.');
  if (`${event.type}${event.stateKey ?? ''}`.includes('\0')) {
    return badJson('The event type and the state key must not contain NUL.');
  }
  if (Buffer.byteLength(event.type) > MOST_NAME_BYTES)
    return tooLarge('The event type is longer than 255 bytes.');
  const mostKeyBytes = event.stateKey?.startsWith('@') === true ? MAX_OWNED_STATE_KEY_BYTES : MOST_NAME_BYTES;
  if (event.stateKey !== undefined && Buffer.byteLength(event.stateKey) > mostKeyBytes) {
    return tooLarge(`The state key is longer than ${mostKeyBytes} bytes.`);
  }
  return findContentFault(event.content) ?? findTypeFault(event);
}

function findContentFault(content: JsonObject): MatrixError | undefined {
  try {
    const bytes = Buffer.byteLength(encodeCanonicalJson(content));
    if (bytes <= MOST_EVENT_BYTES - PDU_RESERVE_BYTES) return undefined;
    return tooLarge('The event would be larger than 65536 bytes.');
  } catch (error) {
    if (error instanceof CanonicalJsonError)
      return badJson(`The content is not canonical JSON: ${error.message}.`);
    throw error;
  }
}

/** What certain types ask of their content. */
function findTypeFault(event: ClientEventInput): MatrixError | undefined {
  const { type, stateKey, content } = event;
  if (type === 'm.room.create') return badJson('A room has one m.room.create event, made with the room.');
  if (type === 'm.room.member') {
    if (stateKey === undefined || parseUserId(stateKey) === undefined) {
      return badJson('The state key of an m.room.member event must be a user id.');
    }
    if (membershipIn(content) === undefined)
      return badJson('An m.room.member event must have a known membership.');
    if (event.stickyDurationMs !== undefined) return invalidParam('A membership cannot be sticky.');
  }
  if (type === 'm.room.message' && stateKey === undefined && !isMessageContent(content)) {
    return badJson('An m.room.message event must have the strings msgtype and body.');
  }
  if (type === 'm.room.redaction' && stateKey === undefined && redactsOf(event) === undefined) {
    return invalidParam('An m.room.redaction must name an event in redacts.');
  }
  return undefined;
}

function isMessageContent(content: JsonObject): boolean {
  return typeof content['msgtype'] === 'string' && typeof content['body'] === 'string';
}

/** The event that a redaction names, wherever the client wrote it. */
export function redactsOf(event: ClientEventInput): EventId | undefined {
  return event.type === 'm.room.redaction'
    ? (event.redacts ?? parseEventId(event.content['redacts']))
    : undefined;
}

/** What making intents uses. */
export interface IntentDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly serverName: ServerName;
}

/** The intent to send a client's event now. */
export function clientIntent(
  deps: IntentDeps,
  sender: UserId,
  event: ClientEventInput,
  extra: {
    readonly session?: LocalIntent['session'];
    /** How the sender's account is restricted; left out when the server itself acts in their name. */
    readonly senderState?: AccountState | undefined;
    readonly delayId?: string | undefined;
    /** Milliseconds since the epoch; now when left out. */
    readonly originServerTs?: number | undefined;
  } = {},
): LocalIntent {
  return {
    kind: 'local',
    sender,
    senderState: extra.senderState,
    type: event.type,
    stateKey: event.stateKey,
    content: contentOf(event, extra.senderState),
    redacts: redactsOf(event),
    originServerTs: event.originServerTs ?? extra.originServerTs ?? deps.clock.nowMs(),
    chosenEventId: chooseEventId(deps.random, deps.serverName),
    session: extra.session,
    delayId: extra.delayId,
    stickyDurationMs: event.stickyDurationMs,
  };
}

/**
 * Who lets somebody into a restricted room is for the server to find: a client cannot name a member of its choice. Whoever
 * is shadow-banned comes and goes without a word.
 */
function contentOf({ type, content }: ClientEventInput, sender: AccountState | undefined): JsonObject {
  if (type !== 'm.room.member') return content;
  const { join_authorised_via_users_server: _, ...rest } = content;
  return sender?.isShadowBanned === true ? withoutWords(rest) : rest;
}

function withoutWords(content: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(content).filter(([key]) => SILENT_MEMBER_KEYS.includes(key)));
}
