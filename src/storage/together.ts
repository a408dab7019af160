import DataLoader from 'dataloader';
import type { Db } from './database.ts';

/** A call waits for nothing but those that are made in the same turn; a statement still has an end. */
const MOST_CALLS = 100;

/**
 * Makes one read of the calls that come in one turn of the event loop, whoever makes them: the rooms of one answer, the readers
 * of one change. `read` answers each call, in their order.
 */
export function readTogether<Call, Answer>(
  read: (db: Db, calls: readonly Call[]) => Promise<readonly Answer[]>,
): (db: Db, call: Call) => Promise<Answer> {
  const loaders = new WeakMap<Db, DataLoader<Call, Answer>>();
  return (db, call) => {
    const known = loaders.get(db);
    if (known !== undefined) return known.load(call);
    const loader = new DataLoader<Call, Answer>((calls) => read(db, calls), {
      cache: false,
      maxBatchSize: MOST_CALLS,
    });
    loaders.set(db, loader);
    return loader.load(call);
  };
}
