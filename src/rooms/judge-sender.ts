import { accountLocked, accountSuspended, type AccountState } from '../matrix/account-state.ts';
import type { MatrixError } from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { membershipIn, type Membership } from '../matrix/power-levels.ts';
import type { JsonObject } from '../util/json.ts';

/** An event that somebody wants to send, as far as it matters here. */
export interface JudgedEvent {
  readonly sender: UserId;
  readonly type: string;
  /** undefined for a message event. */
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
}

/** What the room knows about it. */
export interface JudgedContext {
  /** Who sent the event that it redacts; undefined when it redacts none, or one that is not known. */
  readonly redactedSender: UserId | undefined;
  /** What the sender is in the room. */
  readonly membership: Membership | undefined;
}

/** `pretended`: everything is to look as if the event had been sent. */
export type SenderVerdict =
  | { readonly kind: 'sent' }
  | { readonly kind: 'pretended' }
  | { readonly kind: 'refused'; readonly error: MatrixError };

/**
 * What the state of an account says to an event of its user, whatever the room says. `state` is undefined when the server
 * itself acts in the user's name, as when it takes a deactivated user out of their rooms.
 *
 * - Locked: 401 M_USER_LOCKED, always.
 * - Suspended: 403 M_USER_SUSPENDED for all but leaving (and turning down invites), and redacting what one has sent.
 *   https://spec.matrix.org/v1.19/client-server-api/#account-suspension
 * - Shadow-banned: pretended, but for coming into a room, knocking and leaving, without which nothing could be pretended.
 */
export function judgeSender(
  state: AccountState | undefined,
  event: JudgedEvent,
  context: JudgedContext,
): SenderVerdict {
  if (state === undefined) return { kind: 'sent' };
  if (state.isLocked) return { kind: 'refused', error: accountLocked() };
  const moves = ownMove(event);
  const isCorrective =
    moves === 'leave' || (event.type === 'm.room.redaction' && context.redactedSender === event.sender);
  if (state.isSuspended && !isCorrective) return { kind: 'refused', error: accountSuspended() };
  if (!state.isShadowBanned) return { kind: 'sent' };
  // Whoever is in the room can write what they like into another join.
  const isReal =
    moves === 'leave' || moves === 'knock' || (moves === 'join' && context.membership !== 'join');
  return { kind: isReal ? 'sent' : 'pretended' };
}

/** The membership that a user gives themselves; undefined for an event that does not. */
function ownMove({ type, stateKey, sender, content }: JudgedEvent): Membership | undefined {
  return type === 'm.room.member' && stateKey === sender ? membershipIn(content) : undefined;
}
