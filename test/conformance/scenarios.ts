import type { Scenario } from './scenario.ts';
import { delayedCalls } from './scenarios/delayed-calls.ts';
import { delayedInput } from './scenarios/delayed-input.ts';
import { delayedLife } from './scenarios/delayed-life.ts';
import { delayedOwners } from './scenarios/delayed-owners.ts';
import { delayedRepeats } from './scenarios/delayed-repeats.ts';
import { delayedRooms } from './scenarios/delayed-rooms.ts';
import { delayedSight } from './scenarios/delayed-sight.ts';
import { everyGeneration } from './scenarios/every-generation.ts';
import { seedInput } from './scenarios/seed-input.ts';
import { seedLife } from './scenarios/seed-life.ts';
import { seedRepeats } from './scenarios/seed-repeats.ts';
import { seedRooms } from './scenarios/seed-rooms.ts';
import { seedSight } from './scenarios/seed-sight.ts';
import { seedSpellings } from './scenarios/seed-spellings.ts';
import { seedSupersession } from './scenarios/seed-supersession.ts';
import { seedTemplates } from './scenarios/seed-templates.ts';

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [
  ...everyGeneration,
  ...seedLife,
  ...seedSpellings,
  ...seedRepeats,
  ...seedSupersession,
  ...seedRooms,
  ...seedInput,
  ...seedTemplates,
  ...seedSight,
  ...delayedLife,
  ...delayedRepeats,
  ...delayedOwners,
  ...delayedRooms,
  ...delayedInput,
  ...delayedSight,
  ...delayedCalls,
];
