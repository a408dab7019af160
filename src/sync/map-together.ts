/** So many rooms are read at once, which share most of their queries; more would keep too much in memory. */
const MOST_AT_ONCE = 50;

/** `Promise.all` of `items.map(work)`, a few at a time; the answers are in the order of the items. */
export async function mapTogether<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const [first] = items;
  if (items.length === 1 && first !== undefined) return [await work(first)];
  const results: R[] = [];
  const queue = items.entries();
  const run = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(MOST_AT_ONCE, items.length) }, run));
  return results;
}
