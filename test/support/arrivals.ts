/** What has come in and was not asked for yet. */
export class Arrivals<T extends object> {
  /** Oldest first. */
  readonly items: T[] = [];
  #waiting: (() => void)[] = [];

  add(item: T): void {
    this.items.push(item);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The oldest, when there is one. */
  async next(): Promise<T> {
    for (;;) {
      const [first] = this.items.splice(0, 1);
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
