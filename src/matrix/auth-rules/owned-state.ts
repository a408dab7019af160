import { parseUserId, type UserId } from '../identifiers.ts';
import { levelInWords, ALLOWED, type AuthVerdict, refuse } from './verdict.ts';
import type { AuthCheck } from './auth-check.ts';

/** What follows the user id, with the `_` between them. */
const MAX_SUFFIX_BYTES = 256;

/** The user whose id a state key is or begins with, `_` and anything behind; undefined where it holds none. */
export function findStateKeyOwner(stateKey: string): UserId | undefined {
  const end = stateKey.indexOf('_', stateKey.indexOf(':') + 1);
  return parseUserId(end === -1 ? stateKey : stateKey.slice(0, end));
}

/** What is wrong with a state key that begins with `@`, whoever uses it; undefined when nothing is. */
export function findOwnedKeyFault(stateKey: string): string | undefined {
  const owner = findStateKeyOwner(stateKey);
  if (owner === undefined)
    return `the state_key ${stateKey} is no user id, nor one with an underscore behind it`;
  if (Buffer.byteLength(stateKey) - Buffer.byteLength(owner) > MAX_SUFFIX_BYTES)
    return `the state_key has more than ${MAX_SUFFIX_BYTES} bytes after its user id`;
  return undefined;
}

/**
 * State under a user id, or under one with `_` and anything behind, is for that user and for whoever has more power.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/3757
 */
export function checkOwnedState({ event, levels }: AuthCheck, senderLevel: number): AuthVerdict {
  const { stateKey, sender } = event;
  if (stateKey === undefined || !stateKey.startsWith('@')) return ALLOWED;
  const fault = findOwnedKeyFault(stateKey);
  const owner = findStateKeyOwner(stateKey);
  if (fault !== undefined || owner === undefined) return refuse(fault ?? 'the state_key has no owner');
  const ownerLevel = levels.userLevel(owner);
  if (owner === sender || senderLevel > ownerLevel) return ALLOWED;
  const powers = `${levelInWords(senderLevel)} is not above ${levelInWords(ownerLevel)}`;
  return refuse(`the state_key ${stateKey} is ${owner}'s, and the sender's power level ${powers}`);
}
