/** A binary heap in an array: the first item is before all others. */
export interface Heap<T> {
  readonly push: (item: T) => void;
  /** Takes the first item out; undefined when there is none. */
  readonly pop: () => T | undefined;
}

/** An empty heap ordered by `isBefore`. */
export function makeHeap<T>(isBefore: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];
  return {
    push: (item) => {
      siftUp(items, item, isBefore);
    },
    pop: () => {
      const first = items[0];
      const last = items.pop();
      if (last !== undefined && items.length > 0) siftDown(items, last, isBefore);
      return first;
    },
  };
}

/** Puts the item at the end and moves it towards the front, past all that it is before. */
function siftUp<T>(items: T[], item: T, isBefore: (a: T, b: T) => boolean): void {
  let index = items.length;
  items.push(item);
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = items[parentIndex];
    if (parent === undefined || !isBefore(item, parent)) break;
    items[index] = parent;
    index = parentIndex;
  }
  items[index] = item;
}

/** Puts the item at the front and moves it towards the end, past all that are before it. */
function siftDown<T>(items: T[], item: T, isBefore: (a: T, b: T) => boolean): void {
  let index = 0;
  for (;;) {
    const childIndex = firstChildIndex(items, index, isBefore);
    const child = childIndex === undefined ? undefined : items[childIndex];
    if (childIndex === undefined || child === undefined || !isBefore(child, item)) break;
    items[index] = child;
    index = childIndex;
  }
  items[index] = item;
}

function firstChildIndex<T>(
  items: readonly T[],
  index: number,
  isBefore: (a: T, b: T) => boolean,
): number | undefined {
  const left = items[2 * index + 1];
  const right = items[2 * index + 2];
  if (left === undefined) return undefined;
  return right !== undefined && isBefore(right, left) ? 2 * index + 2 : 2 * index + 1;
}
