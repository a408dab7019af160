import type { JsonObject } from '../util/json.ts';
import type { Membership } from './power-levels.ts';

export type HistoryVisibility = 'invited' | 'joined' | 'shared' | 'world_readable';
const VISIBILITIES: readonly HistoryVisibility[] = ['invited', 'joined', 'shared', 'world_readable'];

/** The setting in the content of m.room.history_visibility; without one, or with one that nobody knows, `shared`. */
export function historyVisibilityIn(content: JsonObject | undefined): HistoryVisibility {
  const visibility = content?.['history_visibility'];
  return VISIBILITIES.find((known) => known === visibility) ?? 'shared';
}

/** What counts when somebody wants to read an event. */
export interface ReadingSituation {
  /** At the event. */
  readonly visibility: HistoryVisibility;
  /** At the event; undefined for someone who was never in the room until then. */
  readonly membership: Membership | undefined;
  /** The reader has joined at some point after the event, whether or not they are still in the room. */
  readonly joinedLater: boolean;
}

/**
 * Whether a user may read an event: the five steps.
 * https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-5
 */
export function mayReadEvent({ visibility, membership, joinedLater }: ReadingSituation): boolean {
  if (visibility === 'world_readable') return true;
  if (membership === 'join') return true;
  if (visibility === 'shared' && joinedLater) return true;
  return visibility === 'invited' && membership === 'invite';
}
