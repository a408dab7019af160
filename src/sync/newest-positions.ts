/**
 * The newest position of each of the rooms that changed last. What is not among them has not changed after the
 * floor: that rises when the oldest has to make room.
 */
export class NewestPositions {
  readonly #newest = new Map<number, number>();
  readonly #max: number;
  #floor: number;

  /** `floor`: every change after it will be noted. `max`: how many are kept. */
  constructor(floor: number, max: number) {
    this.#floor = floor;
    this.#max = max;
  }

  /** Notes that something happened at a position, or before it. */
  note(nids: readonly number[], position: number): void {
    for (const nid of nids) {
      const known = this.#newest.get(nid) ?? position;
      // Set anew, so that the map's order is that of the last change.
      this.#newest.delete(nid);
      this.#newest.set(nid, Math.max(known, position));
    }
    for (const [nid, oldest] of this.#newest) {
      if (this.#newest.size <= this.#max) break;
      this.#newest.delete(nid);
      this.#floor = Math.max(this.#floor, oldest);
    }
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
}
