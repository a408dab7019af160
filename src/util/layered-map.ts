/** A layer is copied with each change and merged into the one below at this size. */
const MOST_IN_LAYER = 64;

/**
 * A map of which changes make another, while both stay as they are. A change costs as much in a large map as in a small one:
 * what changed of late is a layer of its own.
 */
export class LayeredMap<K, V> {
  readonly size: number;
  readonly #below: ReadonlyMap<K, V>;
  readonly #layer: ReadonlyMap<K, V>;

  private constructor(below: ReadonlyMap<K, V>, layer: ReadonlyMap<K, V>, size: number) {
    this.#below = below;
    this.#layer = layer;
    this.size = size;
  }

  static empty<K, V>(): LayeredMap<K, V> {
    return new LayeredMap<K, V>(new Map(), new Map(), 0);
  }

  get(key: K): V | undefined {
    return this.#layer.has(key) ? this.#layer.get(key) : this.#below.get(key);
  }

  has(key: K): boolean {
    return this.#layer.has(key) || this.#below.has(key);
  }

  /** The map in which `changes` are set. */
  with(changes: ReadonlyMap<K, V>): LayeredMap<K, V> {
    const layer = new Map(this.#layer);
    let { size } = this;
    for (const [key, value] of changes) {
      if (!this.has(key)) size += 1;
      layer.set(key, value);
    }
    if (layer.size <= MOST_IN_LAYER) return new LayeredMap(this.#below, layer, size);
    const merged = new Map(this.#below);
    for (const [key, value] of layer) merged.set(key, value);
    return new LayeredMap<K, V>(merged, new Map(), size);
  }
}
