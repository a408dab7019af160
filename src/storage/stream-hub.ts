import { sql } from 'kysely';
import type { Bus } from './bus.ts';
import { currentPosition, type Db } from './database.ts';

/** What new positions concern: rooms whose timeline grew, users for whom something is. */
export interface StreamChange {
  /** The newest position of the change. */
  readonly position: number;
  /** Everything from this position to the newest one is of this change, and all that is to be told of it is here. */
  readonly first?: number | undefined;
  readonly roomNids: readonly number[];
  readonly userNids: readonly number[];
  /** Rooms in which receipts, who types, who is there, or members' devices changed; their timelines need no look. */
  readonly ephemeralRoomNids?: readonly number[];
}

/** More than ever wait for a commit that was announced late. */
const MOST_STRETCHES = 1_000;
/** What happened is read in stretches of this many positions. */
const POSITIONS_AT_ONCE = 5_000;

/**
 * Tells the waiting readers of this process what has changed, from this process at once and from the others as soon
 * as the bus says so.
 *
 * ```
 *   commit here ────────────► announce ─► listeners (and the bus, for the others); need not be read any more
 *   commit elsewhere ─► bus ─► catchUp ─► listeners
 *   a reader begins ─────────► catchUp ─► listeners, and the position up to which all has been told
 * ```
 */
export class StreamHub {
  readonly #db: Db;
  readonly #bus: Bus;
  readonly #listeners = new Set<(change: StreamChange) => void>();
  /** All changes up to here were told. */
  #toldUpTo = 0;
  /** What commits of this process have told beyond that: stretches of the stream, last position by first one. */
  readonly #stretches = new Map<number, number>();
  #reading: Promise<number> | undefined;
  /** Begins when the reading under way ends; whoever asks in the meantime shares it. */
  #nextReading: Promise<number> | undefined;

  constructor(deps: { readonly db: Db; readonly bus: Bus }) {
    this.#db = deps.db;
    this.#bus = deps.bus;
    deps.bus.subscribe((topics) => {
      if (!topics.has('stream')) return;
      // The bus calls again; what was missed is read then.
      this.catchUp().catch(() => undefined);
    });
  }

  /** All changes after this position are told to whoever subscribes now. */
  get toldUpTo(): number {
    return this.#toldUpTo;
  }

  /** Starts from the newest position; call it before anyone waits. */
  async start(): Promise<void> {
    this.#toldUpTo = await currentPosition(this.#db);
  }

  /** Called after a commit of this process. */
  announce(change: StreamChange): void {
    this.#tell(change);
    if (change.first !== undefined) this.#noteTold(change.first, change.position);
    this.#bus.publish('stream');
  }

  /** Calls `listener` for every change from now on; the answer ends that. Changes may be told twice. */
  subscribe(listener: (change: StreamChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Tells whatever was committed anywhere before this call, and resolves with the position up to which everything has
   * been told and can be read. Calls that come together share the queries. Rejects when the database is away.
   */
  catchUp(): Promise<number> {
    this.#nextReading ??= this.#readAfter(this.#reading);
    return this.#nextReading;
  }

  /** Resolves when no catching up is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#reading, this.#nextReading]);
  }

  #noteTold(first: number, last: number): void {
    if (this.#stretches.size >= MOST_STRETCHES) this.#stretches.clear();
    this.#stretches.set(first, last);
    this.#moveTo(this.#toldUpTo);
  }

  /** Everything up to a position was told; what lies right beyond it may have been as well. */
  #moveTo(position: number): void {
    this.#toldUpTo = Math.max(this.#toldUpTo, position);
    for (;;) {
      const first = this.#toldUpTo + 1;
      const last = this.#stretches.get(first);
      if (last === undefined) break;
      this.#stretches.delete(first);
      this.#toldUpTo = last;
    }
    for (const first of this.#stretches.keys()) if (first <= this.#toldUpTo) this.#stretches.delete(first);
  }

  #tell(change: StreamChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  async #readAfter(other: Promise<number> | undefined): Promise<number> {
    await Promise.allSettled([other]);
    this.#reading = this.#nextReading;
    this.#nextReading = undefined;
    return this.#read();
  }

  async #read(): Promise<number> {
    const newest = await currentPosition(this.#db);
    while (this.#toldUpTo < newest) {
      const last = Math.min(newest, this.#toldUpTo + POSITIONS_AT_ONCE);
      const changes = await listChanges(this.#db, this.#toldUpTo, last);
      this.#moveTo(last);
      if (changes.length === 0) continue;
      this.#tell({
        position: last,
        roomNids: [...new Set(changes.flatMap((change) => change.room_nid ?? []))],
        userNids: [...new Set(changes.flatMap((change) => change.user_nid ?? []))],
        ephemeralRoomNids: [...new Set(changes.flatMap((change) => change.ephemeral_room_nid ?? []))],
      });
    }
    return this.#toldUpTo;
  }
}

interface ChangeRow {
  readonly room_nid: number | null;
  readonly user_nid: number | null;
  readonly ephemeral_room_nid: number | null;
}

/** What the positions in `(after, upTo]` concern. Each table of the stream is one branch. */
async function listChanges(db: Db, after: number, upTo: number): Promise<ChangeRow[]> {
  const { rows } = await sql<ChangeRow>`
    select distinct room_nid, null::bigint as user_nid, null::bigint as ephemeral_room_nid from events
    where position > ${after} and position <= ${upTo}
    union all
    select distinct room_nid, user_nid, room_nid from memberships
    where is_local and position > ${after} and position <= ${upTo}
    union all
    select distinct null::bigint, user_nid, null::bigint from to_device_messages
    where position > ${after} and position <= ${upTo}
    union all
    select distinct null::bigint, c.user_nid, m.room_nid from device_list_changes c
    left join memberships m on m.user_nid = c.user_nid and m.membership = 'join'
    where c.position > ${after} and c.position <= ${upTo}
    union all
    select distinct null::bigint, user_nid, null::bigint from one_time_key_changes
    where position > ${after} and position <= ${upTo}
    union all
    select null::bigint, user_nid, null::bigint from accounts
    where state_position > ${after} and state_position <= ${upTo}
    union all
    select distinct null::bigint, signer_nid, null::bigint from master_key_signatures
    where position > ${after} and position <= ${upTo}
    union all
    select distinct null::bigint, user_nid, null::bigint from account_data
    where position > ${after} and position <= ${upTo}
    union all
    select distinct null::bigint, null::bigint, room_nid from receipts
    where position > ${after} and position <= ${upTo}
    union all
    select null::bigint, null::bigint, room_nid from typing_changes
    where position > ${after} and position <= ${upTo}
    union all
    select distinct null::bigint, p.user_nid, m.room_nid from presence p
    left join memberships m on m.user_nid = p.user_nid and m.membership = 'join'
    where p.position > ${after} and p.position <= ${upTo}`.execute(db);
  return rows;
}
