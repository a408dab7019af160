import type { MatrixEvent } from '../event.ts';
import type { PowerLevels } from '../power-levels.ts';
import type { RoomVersionRules } from '../room-version.ts';
import type { AuthState } from './verdict.ts';

/** What the rules for one event share: the event, the state it is judged against, and what was read from that state. */
export interface AuthCheck {
  readonly event: MatrixEvent;
  readonly state: AuthState;
  readonly rules: RoomVersionRules;
  /** The create event in `state`. */
  readonly create: MatrixEvent;
  readonly levels: PowerLevels;
}
