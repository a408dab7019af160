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
  readonly #mostChanges: number;
  #floor: number;
  /** The last changes, in the order in which they were noted; all of them after `#changesAfter`. */
  #changes: Change[] = [];
  #changesAfter: number;

  /**
   * `floor`: every change after it will be noted. `max`: of how many rooms the newest position is kept. `mostChanges`: so many
   * of the last changes are kept in order, for {@link listChanged}; it is right without any, and slower.
   */
  constructor(floor: number, max: number, mostChanges = 0) {
    this.#floor = floor;
    this.#max = max;
    this.#mostChanges = mostChanges;
    this.#changesAfter = floor;
  }

  /** Notes that something happened at a position, or before it. */
  note(nids: readonly number[], position: number): void {
    for (const nid of nids) {
      // What is not among them may have changed up to the floor.
      const newest = Math.max(this.#newest.get(nid) ?? this.#floor, position);
      // Set anew, so that the map's order is that of the last change.
      this.#newest.delete(nid);
      this.#newest.set(nid, newest);
      const last = this.#changes.at(-1)?.position ?? this.#changesAfter;
      this.#changes.push({ nid, position: Math.max(position, last) });
    }
    for (const [nid, oldest] of this.#newest) {
      if (this.#newest.size <= this.#max) break;
      this.#newest.delete(nid);
      this.#floor = Math.max(this.#floor, oldest);
    }
    if (this.#changes.length > 2 * this.#mostChanges) this.#forgetChanges();
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
    const kept = this.#changes.length - this.#mostChanges;
    this.#changesAfter = this.#changes[kept - 1]?.position ?? this.#changesAfter;
    this.#changes = this.#changes.slice(kept);
  }
}
