import { badJson, MatrixError } from '../matrix/errors.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { findOwnedKeyFault } from '../matrix/auth-rules/owned-state.ts';
import { findPowerLevelsFault } from '../matrix/auth-rules/power-levels.ts';
import { CREATE_SLOT } from '../matrix/power-levels.ts';
import { findTransactionResponse, type ClientTransactionKey } from '../storage/client-transactions.ts';
import { findRoomNid } from '../storage/rooms.ts';
import { findUserNid } from '../storage/users.ts';
import type { JsonObject } from '../util/json.ts';
import { readableEvent } from './client-events.ts';
import { closedRoom, unlessStranger } from './closed-room.ts';
import { clientIntent, findEventFault, type ClientEventInput, type IntentDeps } from './client-intent.ts';
import type { LocalIntent, Outcome } from './intent.ts';
import type { Actor } from './membership.ts';
import { acceptedEvent } from './outcome.ts';
import type { Pipeline } from './pipeline.ts';
import { findThreadFault } from './thread-rule.ts';
import { currentStateOf, findStateEvents, type RoomReadDeps } from './read-state.ts';

export interface SendDeps extends IntentDeps, RoomReadDeps {
  readonly pipeline: Pick<Pipeline, 'submit'>;
}

/** Who sends. */
export type Sender = Pick<Actor, 'userId' | 'accountState'>;

/** The session that sends, and in which request: what makes a repeat recognisable. */
export interface SendingSession {
  readonly sender: Sender;
  readonly sessionNid: number;
  readonly transaction: ClientTransactionKey;
}

/**
 * Sends an event once per transaction. `read` gives the event and does not matter when the request is a repeat, whatever
 * that carries. The answer is that of the first time. Throws 403 M_FORBIDDEN with the rule that refused it, what
 * {@link judgeSender} says, 400 and 413 for what could never be an event. Unknown rooms are {@link closedRoom}, as those are
 * that the sender was never in.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
 */
export async function sendOnce(
  deps: SendDeps,
  session: SendingSession,
  roomId: RoomId,
  read: () => ClientEventInput,
): Promise<JsonObject> {
  try {
    return await sendUnlessRepeated(deps, session, roomId, read);
  } catch (error) {
    // Repeats are rare, and the commit knows them: only what was refused is worth a look at the answers of before.
    if (!(error instanceof MatrixError)) throw error;
    const before = await findTransactionResponse(deps.db, session.transaction);
    if (before === undefined) throw error;
    return before;
  }
}

async function sendUnlessRepeated(
  deps: SendDeps,
  session: SendingSession,
  roomId: RoomId,
  read: () => ClientEventInput,
): Promise<JsonObject> {
  const { transaction: key, sessionNid, sender } = session;
  const event = read();
  const fault = findEventFault(event) ?? (await findThreadFault(deps, roomId, event.content));
  if (fault !== undefined) throw await unlessStranger(deps, roomId, key.userNid, fault);
  const intent = clientIntent(deps, sender.userId, event, {
    session: { sessionNid, txnId: key.txnId },
    senderState: sender.accountState,
  });
  const outcome = await submitOne(deps, roomId, intent, key);
  return outcome.kind === 'repeated' ? outcome.response : { event_id: acceptedEvent(outcome).event.eventId };
}

function submitOne(
  deps: SendDeps,
  roomId: RoomId,
  intent: LocalIntent,
  key: ClientTransactionKey,
): Promise<Outcome> {
  return deps.pipeline.submit({ roomId, intents: [intent], transaction: { key } });
}

/**
 * Sets a piece of state and says which event holds it: the one that did before when nothing changes. Throws as
 * {@link sendOnce} does.
 */
export async function setState(
  deps: SendDeps,
  sender: Sender,
  roomId: RoomId,
  event: ClientEventInput,
): Promise<EventId> {
  const fault = findEventFault(event);
  if (fault !== undefined) throw fault;
  if (event.stateKey?.startsWith('@') === true || event.type === 'm.room.power_levels')
    await refuseWhatNobodyMaySet(deps, sender, roomId, event);
  const intent = clientIntent(deps, sender.userId, event, { senderState: sender.accountState });
  return acceptedEvent(await deps.pipeline.submit({ roomId, intents: [intent] })).event.eventId;
}

/** State that no sender could set is a bad request, not a forbidden one. */
async function refuseWhatNobodyMaySet(
  deps: SendDeps,
  sender: Sender,
  roomId: RoomId,
  { type, stateKey, content }: ClientEventInput,
): Promise<void> {
  const roomNid = await findRoomNid(deps.db, roomId);
  if (roomNid === undefined) return;
  const stored = (await findStateEvents(deps, currentStateOf(roomNid), [CREATE_SLOT])).get(CREATE_SLOT);
  if (stored === undefined) return;
  const create = readableEvent(stored);
  const isOwned = stateKey?.startsWith('@') === true && type !== 'm.room.member' && create.rules.ownedState;
  const fault =
    (isOwned ? findOwnedKeyFault(stateKey) : undefined) ??
    (type === 'm.room.power_levels' && stateKey === ''
      ? findPowerLevelsFault(content, create.event, create.rules)
      : undefined);
  if (fault === undefined) return;
  const senderNid = await findUserNid(deps.db, sender.userId);
  throw senderNid === undefined
    ? closedRoom()
    : await unlessStranger(deps, roomId, senderNid, badJson(fault));
}
