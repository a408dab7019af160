import { invalidParam, notFound } from '../matrix/errors.ts';
import { serverNameOf, type UserId } from '../matrix/identifiers.ts';
import { clientIntent, findEventFault, type ClientEventInput } from '../rooms/client-intent.ts';
import { acceptedEvent } from '../rooms/outcome.ts';
import { findAccount } from '../storage/accounts.ts';
import { findTransactionResponse, type ClientTransactionKey } from '../storage/client-transactions.ts';
import type { JsonObject } from '../util/json.ts';
import { openNoticeRoom, type NoticeRecipient, type NoticeRoomDeps } from './notice-room.ts';
import { getNoticeSender } from './sender.ts';

export type SendNoticeDeps = NoticeRoomDeps;

/** What is to be told, and to whom. */
export interface Notice {
  readonly userId: UserId;
  readonly event: ClientEventInput;
  /** Makes a repeat recognisable: it is answered like the first request, and nothing is sent. */
  readonly transaction: ClientTransactionKey | undefined;
}

/**
 * Tells a user something in the server's name, in a room of their own to which they are invited if they are not in it.
 * The answer holds `event_id`. Throws 400 M_INVALID_PARAM for users of other servers, 404 M_NOT_FOUND for who is no user
 * here or no more, 400 and 413 for what could never be an event.
 * https://spec.matrix.org/v1.19/client-server-api/#server-notices
 */
export async function sendNotice(deps: SendNoticeDeps, notice: Notice): Promise<JsonObject> {
  const { event, transaction } = notice;
  const before = transaction && (await findTransactionResponse(deps.db, transaction));
  if (before !== undefined) return before;
  const fault = findEventFault(event);
  if (fault !== undefined) throw fault;
  const recipient = await getRecipient(deps, notice.userId);
  const sender = await getNoticeSender(deps);
  const roomId = await openNoticeRoom(deps, sender, recipient);
  const outcome = await deps.pipeline.submit({
    roomId,
    intents: [clientIntent(deps, sender.userId, event)],
    transaction: transaction && { key: transaction },
  });
  if (outcome.kind === 'repeated') return outcome.response;
  return { event_id: acceptedEvent(outcome).event.eventId };
}

async function getRecipient(deps: SendNoticeDeps, userId: UserId): Promise<NoticeRecipient> {
  if (serverNameOf(userId) !== deps.serverName)
    throw invalidParam('Server notices are for users of this server.');
  const account = await findAccount(deps.db, userId);
  if (account === undefined || account.isDeactivated) throw notFound(`${userId} is no user of this server.`);
  return account;
}
