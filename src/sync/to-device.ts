import { deleteToDeviceUpTo, listToDevice, type Mailbox, type WaitingMessage } from '../storage/to-device.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import type { SyncPart, SyncProvider, SyncReadDeps, SyncScope } from './provider.ts';

const MOST_MESSAGES = 100;

/**
 * Messages to the device, oldest first. The next request's `since` says that they arrived.
 * https://spec.matrix.org/v1.19/client-server-api/#extensions-to-sync
 */
export const toDeviceMessages: SyncProvider = {
  initial: async (scope) => render(scope),
  since: async (scope) => render(scope),
};

/** What waits for the device after a position, as much as one answer holds. */
export interface MailboxPage {
  readonly messages: readonly WaitingMessage[];
  /** Up to here there are no other messages: the answer must not claim to be newer. */
  readonly upTo: number;
}

/** Reads the mailbox up to a position, or less far if there is more in it than one answer holds. */
export async function readMailbox(
  deps: Pick<SyncReadDeps, 'db' | 'syncFeed'>,
  mailbox: Mailbox,
  since: number | undefined,
  upTo: number,
): Promise<MailboxPage> {
  if (since !== undefined && !deps.syncFeed.mayConcern(mailbox.userNid, since)) return { messages: [], upTo };
  const messages = await listToDevice(deps.db, mailbox, since ?? 0, upTo, MOST_MESSAGES);
  const last = messages.at(-1);
  return { messages, upTo: last === undefined || messages.length < MOST_MESSAGES ? upTo : last.position };
}

/** Empties the mailbox up to a position, unless it is known to hold nothing up to there. */
export async function emptyMailbox(
  { db, syncFeed }: Pick<SyncReadDeps, 'db' | 'syncFeed'>,
  mailbox: Mailbox,
  position: number,
): Promise<void> {
  const key = `${mailbox.userNid} ${mailbox.deviceId}`;
  const emptiedUpTo = syncFeed.emptiedMailboxes.get(key);
  if (emptiedUpTo !== undefined && !syncFeed.mayConcern(mailbox.userNid, emptiedUpTo)) return;
  await deleteToDeviceUpTo(db, mailbox, position);
  syncFeed.emptiedMailboxes.set(key, position);
}

function render(scope: SyncScope): SyncPart {
  if (scope.messages.length === 0) return {};
  const events = scope.messages.map(({ sender, type, content }): JsonObject => {
    const parsed: unknown = JSON.parse(content);
    return { sender, type, content: isJsonObject(parsed) ? parsed : {} };
  });
  return { body: { to_device: { events } }, isNews: true };
}
