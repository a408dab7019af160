/**
 * What comes and goes all the time, such as the requests that are being answered, in no order.
 *
 * A Set does the same, and costs more the longer a process runs: V8 links each table that a Set or a Map has outgrown, or has
 * filled with what was deleted, to the table after it. Once one of them is old, collecting young garbage spares all tables
 * after it, and with them whatever was in one while it was left: a twentieth of all that requests allocate.
 */
export class Roster<T> implements Iterable<T> {
  readonly #places: Place<T>[] = [];

  get size(): number {
    return this.#places.length;
  }

  /** Puts a member on the list, once more if it is on it. `leave` takes it off again; doing so twice does nothing. */
  add(member: T): { leave(): void } {
    const place = { member, index: this.#places.length };
    this.#places.push(place);
    return { leave: () => this.#remove(place) };
  }

  /** Those who are on it now: who joins or leaves meanwhile changes nothing. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#places.map(({ member }) => member).values();
  }

  /** The last takes the place that becomes free. */
  #remove(place: Place<T>): void {
    if (this.#places[place.index] !== place) return;
    const last = this.#places.pop();
    if (last === undefined || last === place) return;
    this.#places[place.index] = last;
    last.index = place.index;
  }
}

interface Place<T> {
  readonly member: T;
  index: number;
}
