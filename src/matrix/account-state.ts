import { userLocked, userSuspended, type MatrixError } from './errors.ts';

/**
 * What administrators have restricted about an account. Each is independent of the others and can be lifted.
 * https://spec.matrix.org/v1.19/client-server-api/#account-moderation
 */
export interface AccountState {
  /** May do nothing but log out. Sessions stay, for the day on which the lock is lifted. */
  readonly isLocked: boolean;
  /** May read, leave, redact what it sent, and look after its devices and keys; may do nothing that reaches others. */
  readonly isSuspended: boolean;
  /** Is answered as if all was well, while nothing that it sends gets into a room. */
  readonly isShadowBanned: boolean;
}

/** An account that nobody has restricted. */
export const UNRESTRICTED: AccountState = { isLocked: false, isSuspended: false, isShadowBanned: false };

/** 401 M_USER_LOCKED as clients expect it: they keep their keys and try again. */
export function accountLocked(): MatrixError {
  return userLocked('This account has been locked', { soft_logout: true });
}

/** 403 M_USER_SUSPENDED. */
export function accountSuspended(): MatrixError {
  return userSuspended('You cannot do this while your account is suspended');
}
