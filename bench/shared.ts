import type { Bench } from './bench.ts';

/** Lets measurements of one run share what `make` makes: it is made once for each size. */
export function oncePerRun<T>(
  make: (bench: Bench, size: number) => Promise<T>,
): (bench: Bench, size: number) => Promise<T> {
  const made = new WeakMap<Bench, Map<number, Promise<T>>>();
  return (bench, size) => {
    const ofRun = made.get(bench) ?? new Map<number, Promise<T>>();
    made.set(bench, ofRun);
    const known = ofRun.get(size);
    if (known !== undefined) return known;
    const making = make(bench, size);
    ofRun.set(size, making);
    return making;
  };
}
