import { sql } from 'kysely';
import type { Bus } from './bus.ts';
import { currentPosition, type Db } from './database.ts';

/** What new positions concern: rooms whose timeline or receipts grew, users for whom something is. */
export interface StreamChange {
  /** The newest position of the change. */
  readonly position: number;
  readonly roomNids: readonly number[];
  readonly userNids: readonly number[];
}

const MOST_CHANGES_AT_ONCE = 5_000;

/**
 * Tells the waiting readers of this process what has changed, from this process at once and from the others as soon
 * as the bus says so. `position` is the newest one of which all smaller ones have been told.
 */
export class StreamHub {
  readonly #db: Db;
  readonly #bus: Bus;
  readonly #listeners = new Set<(change: StreamChange) => void>();
  /** Up to here the database was read for what other processes did. */
  #readUpTo = 0;
  #reading: Promise<void> | undefined;
  #readAgain = false;

  constructor(deps: { readonly db: Db; readonly bus: Bus }) {
    this.#db = deps.db;
    this.#bus = deps.bus;
    deps.bus.subscribe((topics) => {
      if (topics.has('stream')) this.#catchUp();
    });
  }

  /** Starts from the newest position; call it before anyone waits. */
  async start(): Promise<void> {
    this.#readUpTo = await currentPosition(this.#db);
  }

  /** Called after a commit of this process. */
  announce(change: StreamChange): void {
    this.#tell(change);
    this.#bus.publish('stream');
  }

  /** Calls `listener` for every change from now on; the answer ends that. Changes may be told twice. */
  subscribe(listener: (change: StreamChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when no catching up is under way. */
  async idle(): Promise<void> {
    await this.#reading;
  }

  #tell(change: StreamChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #catchUp(): void {
    if (this.#reading !== undefined) {
      this.#readAgain = true;
      return;
    }
    this.#reading = this.#read()
      // The bus calls again; what was missed is read then.
      .catch(() => undefined)
      .finally(() => {
        this.#reading = undefined;
        if (!this.#readAgain) return;
        this.#readAgain = false;
        this.#catchUp();
      });
  }

  async #read(): Promise<void> {
    const newest = await currentPosition(this.#db);
    while (this.#readUpTo < newest) {
      const changes = await listChanges(this.#db, this.#readUpTo, newest);
      const last = changes.length < MOST_CHANGES_AT_ONCE ? newest : (changes.at(-1)?.position ?? newest);
      this.#readUpTo = last;
      if (changes.length === 0) continue;
      this.#tell({
        position: last,
        roomNids: [...new Set(changes.flatMap((change) => change.room_nid ?? []))],
        userNids: [...new Set(changes.flatMap((change) => change.user_nid ?? []))],
      });
    }
  }
}

interface ChangeRow {
  readonly position: number;
  readonly room_nid: number | null;
  readonly user_nid: number | null;
}

/** What the positions in `(after, upTo]` concern, by position. Each table of the stream is one branch. */
async function listChanges(db: Db, after: number, upTo: number): Promise<ChangeRow[]> {
  const { rows } = await sql<ChangeRow>`
    select position, room_nid, user_nid from (
      select position, room_nid, null::bigint as user_nid from events where position > ${after} and position <= ${upTo}
      union all
      select position, room_nid, user_nid from memberships
      where is_local and position > ${after} and position <= ${upTo}
      union all
      select position, null, user_nid from to_device_messages where position > ${after} and position <= ${upTo}
      union all
      select position, null, user_nid from device_list_changes where position > ${after} and position <= ${upTo}
    ) as changes
    order by position limit ${MOST_CHANGES_AT_ONCE}`.execute(db);
  return rows;
}
