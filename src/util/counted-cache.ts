import { LRUCache } from 'lru-cache';

/** How often a cache had what it was asked for. */
export class CacheUse {
  hits = 0;
  misses = 0;

  note(isHit: boolean): void {
    if (isHit) this.hits += 1;
    else this.misses += 1;
  }
}

/** A bounded cache that counts; caches that are two sides of one thing may share a count. */
export class CountedCache<
  K extends object | string | number,
  V extends object | string | number,
> extends LRUCache<K, V> {
  readonly use: CacheUse;

  constructor(options: LRUCache.Options<K, V, unknown>, use: CacheUse = new CacheUse()) {
    super(options);
    this.use = use;
  }

  override get(key: K): V | undefined {
    const value = super.get(key);
    this.use.note(value !== undefined);
    return value;
  }
}
