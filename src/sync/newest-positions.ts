/** So many changes are looked through, one by one, at the most. */
const MOST_CHANGES = 10_000;

interface Change {
  readonly nid: number;
  /** At most here; not before that of the change noted before it. */
  readonly position: number;
}

/**
 * The newest position of each of the rooms that changed last. What is not among them has not changed after the
 * floor: that rises when the oldest has to make room.
 */
export class NewestPositions {
  readonly #newest = new Map<number, number>();
  readonly #max: number;
  #floor: number;
  /** The last changes, in the order in which they were noted; all of them after `#changesAfter`. */
  #changes: Change[] = [];
  #changesAfter: number;

  /** `floor`: every change after it will be noted. `max`: how many are kept. */
  constructor(floor: number, max: number) {
    this.#floor = floor;
    this.#max = max;
    this.#changesAfter = floor;
  }

  /** Notes that something happened at a position, or before it. */
  note(nids: readonly number[], position: number): void {
    for (const nid of nids) {
      const newest = Math.max(this.#newest.get(nid) ?? position, position);
      // Set anew, so that the map's order is that of the last change.
      this.#newest.delete(nid);
      this.#newest.set(nid, newest);
      this.#changes.push({ nid, position: Math.max(position, this.#changes.at(-1)?.position ?? position) });
    }
    for (const [nid, oldest] of this.#newest) {
      if (this.#newest.size <= this.#max) break;
      this.#newest.delete(nid);
      this.#floor = Math.max(this.#floor, oldest);
    }
    if (this.#changes.length > 2 * MOST_CHANGES) this.#forgetChanges();
  }

  /** Whether all that happened after a position is still at hand. */
  covers(position: number): boolean {
    return position >= this.#floor;
  }

  /** False when certainly nothing happened after a position. */
  mayHaveChanged(nid: number, after: number): boolean {
    const newest = this.#newest.get(nid);
    return newest === undefined ? !this.covers(after) : newest > after;
  }

  /**
   * Those of some rooms in which something may have happened after a position. Takes as long as there are changes after it, or
   * rooms, whichever are fewer.
   */
  listChanged(nids: ReadonlySet<number>, after: number): number[] {
    const changes = this.#listChangesAfter(after, nids.size);
    if (changes === undefined) return [...nids].filter((nid) => this.mayHaveChanged(nid, after));
    return [...changes].filter((nid) => nids.has(nid) && this.mayHaveChanged(nid, after));
  }

  /** What changed after a position; undefined when that is not known, or was noted more often than `limit`. */
  #listChangesAfter(after: number, limit: number): ReadonlySet<number> | undefined {
    if (!this.covers(after) || after < this.#changesAfter) return undefined;
    const nids = new Set<number>();
    const end = this.#changes.length;
    for (let index = end - 1; index >= 0; index -= 1) {
      const change = this.#changes[index];
      if (change === undefined || change.position <= after) break;
      if (end - index > limit) return undefined;
      nids.add(change.nid);
    }
    return nids;
  }

  #forgetChanges(): void {
    this.#changesAfter = this.#changes.at(-MOST_CHANGES - 1)?.position ?? this.#changesAfter;
    this.#changes = this.#changes.slice(-MOST_CHANGES);
  }
}
