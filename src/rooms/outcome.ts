import type { Outcome, ProposedEvent } from './intent.ts';

/** The event of a proposal of one event that went through. Throws the refusal when it did not. */
export function acceptedEvent(outcome: Outcome): ProposedEvent {
  if (outcome.kind === 'refused') throw outcome.error;
  const event = outcome.kind === 'committed' ? outcome.events[0] : undefined;
  if (event === undefined) throw new Error(`a proposal of one local event ended as ${outcome.kind}`);
  return event;
}
