import { badJson, type MatrixError } from '../matrix/errors.ts';
import { fitsField } from '../matrix/event-size.ts';
import { findEventFault, type ClientEventInput } from '../rooms/client-intent.ts';

/** In a `u` expression this class matches lone halves only; the database holds neither those nor NUL. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** True for text that can be stored and fits into a field of an event: legal Unicode without NUL, at most 255 bytes. */
export function isFieldText(text: string): boolean {
  return fitsField(text) && !UNSTORABLE.test(text);
}

/**
 * What is wrong with an event that is to be sent later, whatever the room will say then; undefined when nothing is.
 * A name that does not fit is a badly formed request here: there is no event yet that could be too large.
 */
export function findScheduleFault(event: ClientEventInput): MatrixError | undefined {
  if (event.type === '' || !isFieldText(event.type))
    return badJson('The event type must be text of 1 to 255 bytes.');
  if (event.stateKey !== undefined && !isFieldText(event.stateKey)) {
    return badJson('The state key must be text of at most 255 bytes.');
  }
  return findEventFault(event);
}
