import { DelayedApi, DIALECTS, type Dialect } from './delayed-api.ts';
import { SeedApi } from './seed-api.ts';
import type { SendsLater, Stage } from './stage.ts';

/**
 * What a peer may know: the API as first proposed; the merged text of MSC4140; the same before it is stable; and the
 * query parameter of the drafts before that.
 */
export const GENERATIONS = ['seed', 'stable', 'unstable', 'query'] as const;
export type Generation = (typeof GENERATIONS)[number];

/** One thing that a peer does or does not do. It throws `Failure` or `NotApplicable`; else it has passed. */
export interface Scenario {
  readonly generation: Generation;
  /** Its number in the list of scenarios in the README. */
  readonly number: number;
  /** A sentence about what is right. */
  readonly name: string;
  /** How many futures of one user it has pending at once, at most: 2 unless it says so. */
  readonly pending?: number;
  readonly run: (stage: Stage) => Promise<void>;
}

/** What `--only` is compared with. */
export function titleOf({ generation, number, name }: Omit<Scenario, 'run'>): string {
  return `${generation} ${number} ${name}`;
}

type Details = Pick<Scenario, 'pending'>;

/** A scenario of the API as first proposed. */
export function inSeed(
  number: number,
  name: string,
  run: (stage: Stage, api: SeedApi) => Promise<void>,
  details: Details = {},
): Scenario {
  return {
    generation: 'seed',
    number,
    name,
    ...details,
    run: (stage) => run(stage, new SeedApi(stage.peer)),
  };
}

/** A scenario of MSC4140, once for each of its generations that it is true of: all of them unless it says which. */
export function inDialects(
  number: number,
  name: string,
  run: (stage: Stage, api: DelayedApi) => Promise<void>,
  { dialects = DIALECTS, ...details }: Details & { readonly dialects?: readonly Dialect[] } = {},
): Scenario[] {
  return dialects.map((generation) => ({
    generation,
    number,
    name,
    ...details,
    run: (stage) => run(stage, new DelayedApi(stage.peer, generation)),
  }));
}

/** A scenario of what all generations can do: one of the API as first proposed, and as many as {@link inDialects}. */
export function inAll(
  number: number,
  name: string,
  run: (stage: Stage, api: SendsLater) => Promise<void>,
  dialects: readonly Dialect[] = DIALECTS,
): Scenario[] {
  return [inSeed(number, name, run), ...inDialects(number, name, run, { dialects })];
}
