/** Things to end, in the reverse order of their start. Node 20 has no AsyncDisposableStack yet. */
export class Disposal implements AsyncDisposable {
  #ends: (() => unknown)[] = [];

  /** Remembers `thing` and hands it back. */
  use<T extends AsyncDisposable>(thing: T): T {
    this.defer(() => thing[Symbol.asyncDispose]());
    return thing;
  }

  /** Remembers what to do at the end. */
  defer(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** Ends everything, the newest first; every end is tried, and the first failure is thrown. Again: nothing is left to do. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.#ends.splice(0).toReversed()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
