import { findServerName } from '../identifiers.ts';
import type { AuthCheck } from './auth-check.ts';
import { ALLOWED, type AuthVerdict, levelInWords, refuse } from './verdict.ts';

/**
 * v1–v2, rule 11: whoever reaches the redact level may redact, and so may a server the events whose ids it chose.
 * https://spec.matrix.org/v1.19/rooms/v1/#authorisation-rules
 */
export function checkRedaction({ event, levels }: AuthCheck, senderLevel: number): AuthVerdict {
  if (senderLevel >= levels.redact) return ALLOWED;
  const domain = findServerName(event.eventId);
  if (domain !== undefined && event.redacts !== undefined && findServerName(event.redacts) === domain)
    return ALLOWED;
  return refuse(
    `sender's power level ${levelInWords(senderLevel)} is below the ${levels.redact} required to redact, ` +
      `and ${event.redacts ?? 'nothing'} is not an event of its own server`,
  );
}
