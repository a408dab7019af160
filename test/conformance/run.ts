import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './peer.ts';
import { isSentInTime } from './generations.ts';
import { GENERATIONS, titleOf, type Generation, type Scenario } from './scenario.ts';
import { Stage, type Scene } from './stage.ts';
import { Failure, NotApplicable, type Verdict } from './verdict.ts';

/** What became of a scenario. */
export interface Result {
  /** Absent where a scenario cannot be seen from outside in any generation. */
  readonly generation?: Generation;
  readonly number: number;
  readonly name: string;
  readonly verdict: Verdict;
  /** Why, unless it has passed. */
  readonly why?: string;
  /** The answer that shows a failure. */
  readonly seen?: Answer;
  readonly notes: readonly string[];
  readonly tookMs: number;
}

const MOST_AT_ONCE = 20;
const MOST_PENDING = 90;
const USUAL_PENDING = 2;
/** What has not ended by then says nothing. */
const WHOLE_RUN_MS = 110_000;
const CLEANING_UP_MS = 3_000;

/**
 * Plays all scenarios, many at a time, and says what became of each. `absent` says why a generation cannot be tested; it
 * has none for those that can. Before the scenarios of a generation there is a trial: where nothing is sent at all, they
 * need not wait for it.
 */
export async function playAll(
  scene: Scene,
  all: readonly Scenario[],
  absent: ReadonlyMap<Generation, string>,
): Promise<Result[]> {
  const results: Result[] = [];
  const endMs = Date.now() + WHOLE_RUN_MS;
  const slots = new Slots(Math.min(MOST_PENDING, scene.maxScheduled ?? MOST_PENDING));
  const run = Date.now().toString(36);
  const play = async (scenario: Scenario, sendsAtAll: boolean): Promise<Result> => {
    const free = await slots.take(scenario.pending ?? USUAL_PENDING);
    const result = await playOne(scene, scenario, { run, sendsAtAll, endMs });
    free();
    results.push(result);
    return result;
  };
  const playGeneration = async (generation: Generation): Promise<void> => {
    const scenarios = all.filter((scenario) => scenario.generation === generation);
    const why = absent.get(generation);
    if (why !== undefined) {
      for (const scenario of scenarios) results.push(resultOf(scenario, 'does not apply', { why }));
    } else if (scenarios.length > 0) {
      const sendsAtAll = await isSentInTime(new Stage(scene, `${run}.${generation}`, true), generation);
      await Promise.all(scenarios.map((scenario) => play(scenario, sendsAtAll)));
    }
  };
  await Promise.all(GENERATIONS.map(playGeneration));
  return results;
}

interface Circumstances {
  readonly run: string;
  readonly sendsAtAll: boolean;
  readonly endMs: number;
}

async function playOne(scene: Scene, scenario: Scenario, about: Circumstances): Promise<Result> {
  const startMs = Date.now();
  if (startMs >= about.endMs)
    return resultOf(scenario, 'does not apply', { why: 'the time of the run was over' });
  const stage = new Stage(scene, about.run, about.sendsAtAll);
  const over = new AbortController();
  const timeIsOver = sleep(about.endMs - startMs, undefined, { signal: over.signal }).then(
    () => Promise.reject(new NotApplicable('the time of the run was over')),
    () => undefined,
  );
  const outcome = await Promise.race([scenario.run(stage), timeIsOver]).then(
    (): Partial<Result> & { readonly verdict: Verdict } => ({ verdict: 'pass' }),
    verdictOn,
  );
  over.abort();
  await Promise.race([stage.close(), sleep(CLEANING_UP_MS, undefined, { ref: false })]);
  return resultOf(scenario, outcome.verdict, {
    ...outcome,
    notes: stage.notes,
    tookMs: Date.now() - startMs,
  });
}

function verdictOn(error: unknown): Partial<Result> & { readonly verdict: Verdict } {
  if (error instanceof NotApplicable) return { verdict: 'does not apply', why: error.message };
  if (error instanceof Failure)
    return {
      verdict: 'fail',
      why: error.message,
      ...(error.seen === undefined ? {} : { seen: error.seen }),
    };
  const why = `the scenario broke on what it saw: ${error instanceof Error ? error.message : String(error)}`;
  return { verdict: 'fail', why };
}

function resultOf(scenario: Scenario, verdict: Verdict, more: Partial<Result>): Result {
  const { generation, number, name } = scenario;
  return { generation, number, name, notes: [], tookMs: 0, ...more, verdict };
}

/** Those of the generations whose title fits. */
export function selectScenarios(
  all: readonly Scenario[],
  generations: ReadonlySet<Generation>,
  only: RegExp | undefined,
): Scenario[] {
  return all.filter(
    (scenario) =>
      generations.has(scenario.generation) && (only === undefined || only.test(titleOf(scenario))),
  );
}

/** Lets so many scenarios play at once that one user never has more pending than the peer allows. */
class Slots {
  #free: number;
  #places = MOST_AT_ONCE;
  readonly #most: number;
  readonly #waiting: { readonly need: number; readonly go: () => void }[] = [];

  constructor(most: number) {
    this.#most = most;
    this.#free = most;
  }

  /** Resolves when there is room; what it resolves to gives it back. */
  async take(wanted: number): Promise<() => void> {
    const need = Math.min(wanted, this.#most);
    await new Promise<void>((resolve) => {
      this.#waiting.push({ need, go: resolve });
      this.#next();
    });
    return () => {
      this.#free += need;
      this.#places += 1;
      this.#next();
    };
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || first.need > this.#free || this.#places === 0) return;
    this.#waiting.shift();
    this.#free -= first.need;
    this.#places -= 1;
    first.go();
    this.#next();
  }
}
