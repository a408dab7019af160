import type { Decision, Facts, Identity } from './decision.ts';
import { decideLocal } from './decide-local.ts';
import { decideReceived } from './decide-received.ts';
import type { Intent } from './intent.ts';
import type { RoomSnapshot } from './snapshot.ts';

/**
 * The one place where events are authorised: what an intent makes of a room. Pure; what it lacks it names, and the
 * caller loads that and asks again.
 */
export function decide(
  snapshot: RoomSnapshot,
  facts: Facts,
  intent: Intent,
  eventNid: number,
  identity: Identity,
): Decision {
  return intent.kind === 'local'
    ? decideLocal(snapshot, facts, intent, eventNid, identity)
    : decideReceived(snapshot, facts, intent, eventNid);
}
