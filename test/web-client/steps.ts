/** One thing that people do and what they then see; it throws when they see something else. */
export interface Step {
  /** A sentence: who does what and what is shown. */
  readonly name: string;
  run(): Promise<void>;
}

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Runs steps in order and reports how each ended. What follows a failed step builds on it, so the rest is skipped.
 * `afterEach` is told the number and the name of each step that ran, failed ones too.
 */
export async function runSteps(
  steps: readonly Step[],
  afterEach: (number: number, name: string) => Promise<void>,
  report: (line: string) => void,
): Promise<Outcome> {
  for (const [index, step] of steps.entries()) {
    const startedMs = performance.now();
    const error = await step.run().then(
      () => undefined,
      (thrown: unknown) => (thrown instanceof Error ? thrown : new Error(String(thrown))),
    );
    const ms = Math.round(performance.now() - startedMs);
    report(`${error === undefined ? 'ok' : 'FAILED'}  ${step.name} (${ms} ms)`);
    await afterEach(index + 1, step.name);
    if (error !== undefined) {
      report(`\n${error.stack ?? error.message}\n`);
      return { passed: index, failed: 1, skipped: steps.length - index - 1 };
    }
  }
  return { passed: steps.length, failed: 0, skipped: 0 };
}
