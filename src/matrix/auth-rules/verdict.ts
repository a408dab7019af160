import type { MatrixEvent, StateSlot } from '../event.ts';

/** What the rules say of an event. A reason is a whole sentence with the numbers in it: a person will read it. */
export type AuthVerdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

/**
 * State as the rules read it: create, power levels, members … by slot. Since v12 no event cites the create event,
 * yet it is found here like the others: whoever makes the state puts it there.
 */
export type AuthState = (slot: StateSlot) => MatrixEvent | undefined;

export const ALLOWED: AuthVerdict = { allowed: true };

/** A refusal with its reason. */
export function refuse(reason: string): AuthVerdict {
  return { allowed: false, reason };
}

/** A power level in a sentence: creators since v12 have no number. */
export function levelInWords(level: number): string {
  return level === Infinity ? 'infinite' : String(level);
}

/** Allows when the sender's level reaches what is required; `purpose` ends the sentence, such as "to invite". */
export function checkLevel(senderLevel: number, required: number, purpose: string): AuthVerdict {
  if (senderLevel >= required) return ALLOWED;
  return refuse(
    `sender's power level ${levelInWords(senderLevel)} is below the ${required} required ${purpose}`,
  );
}
