import assert from 'node:assert/strict';
import { CacheUse, CountedCache } from '../../src/util/counted-cache.ts';

describe('a cache that counts', () => {
  it('tells what it had from what it had not, and stays bounded', () => {
    const cache = new CountedCache<string, number>({ max: 2 });
    assert.equal(cache.get('a'), undefined);
    cache.set('a', 0);
    assert.equal(cache.get('a'), 0);
    cache.set('b', 1).set('c', 2);
    assert.equal(cache.get('a'), undefined);
    assert.equal(cache.size, 2);
    assert.deepEqual([cache.use.hits, cache.use.misses], [1, 2]);
  });

  it('shares a count with another', () => {
    const use = new CacheUse();
    const there = new CountedCache<string, number>({ max: 1 }, use);
    const back = new CountedCache<number, string>({ max: 1 }, use);
    there.set('a', 1);
    there.get('a');
    back.get(1);
    assert.deepEqual([use.hits, use.misses], [1, 1]);
  });
});
