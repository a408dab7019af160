import { sql } from 'kysely';
import { notification } from './bus.ts';
import { atEnd, type Db, type Tx } from './database.ts';

const listeners = new WeakMap<Db, Set<() => void>>();

/** Calls `listener` whenever this process has ended a session or changed what a session says of its user. */
export function onSessionsChanged(db: Db, listener: () => void): void {
  const known = listeners.get(db) ?? new Set();
  known.add(listener);
  listeners.set(db, known);
}

/**
 * Every transaction that ends a session, or changes what it says of its user, says so with this: what is remembered of
 * sessions is forgotten before the transaction is known to have been committed, and in other processes as soon as they hear
 * of it.
 */
export async function noteSessionsChanged(tx: Tx): Promise<void> {
  atEnd(tx, tellSessionsChanged);
  await sql`select ${notification('sessions')}`.execute(tx);
}

/** What {@link noteSessionsChanged} does at the end of a transaction, for a change that was a statement of its own. */
export function tellSessionsChanged(db: Db): void {
  for (const listener of listeners.get(db) ?? []) listener();
}
