import { databaseSize } from './database-size.ts';
import { futures } from './futures.ts';
import { history } from './history.ts';
import type { Measurement } from './measure.ts';
import { members } from './members.ts';
import { overdue } from './overdue.ts';
import { registrations, yardstick } from './registrations.ts';
import { seen } from './seen.ts';
import { sends } from './sends.ts';
import { loadedMemory, starts } from './starts.ts';
import { stateEvents } from './state.ts';
import { syncs } from './syncs.ts';

/** All that can be measured, in the order in which it is: what needs many accounts comes after those are made. */
export const catalogue: readonly Measurement[] = [
  yardstick,
  ...registrations,
  ...sends,
  ...seen,
  ...syncs,
  ...stateEvents,
  ...history,
  ...members,
  ...futures,
  ...databaseSize,
  loadedMemory,
  ...starts,
  ...overdue,
];
