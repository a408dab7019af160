import type { StreamChange } from '../storage/stream-hub.ts';
import type { Clock } from '../util/clock.ts';

/**
 * The requests that wait for something to happen, found by room and by user.
 *
 * ```
 *   registered ─ reads up to a position ─► next() ─┬─ a later change of its user or rooms ─► woken, reads again
 *       └── disposed: never woken any more         ├─ its time is over ────────────────────► timeout
 *                                                  └─ its client has gone, or the server stops ─► aborted
 * ```
 * A waiter is registered before it reads: what happens while it reads wakes it at once when it then waits.
 */
export class Waiters {
  readonly #clock: Clock;
  readonly #byUser = new Map<number, Set<Waiter>>();
  readonly #byRoom = new Map<number, Set<Waiter>>();
  #waiting = 0;

  constructor(deps: { readonly clock: Clock }) {
    this.#clock = deps.clock;
  }

  /** How many wait this very moment. */
  get waiting(): number {
    return this.#waiting;
  }

  /** A waiter for what concerns a user; rooms are added by {@link Waiter.watch}. Dispose it. */
  register(userNid: number): Waiter {
    const waiter = new Waiter({
      clock: this.#clock,
      rooms: this.#byRoom,
      count: (by) => {
        this.#waiting += by;
      },
      leave: () => removeFrom(this.#byUser, userNid, waiter),
    });
    addTo(this.#byUser, userNid, waiter);
    return waiter;
  }

  /** Wakes those whom a change concerns. */
  tell(change: StreamChange): void {
    for (const userNid of change.userNids) noticeAll(this.#byUser.get(userNid), change.position);
    for (const roomNid of [...change.roomNids, ...(change.ephemeralRoomNids ?? [])])
      noticeAll(this.#byRoom.get(roomNid), change.position);
  }
}

type WakeReason = 'woken' | 'timeout' | 'aborted';

interface WaiterParts {
  readonly clock: Clock;
  readonly rooms: Map<number, Set<Waiter>>;
  readonly count: (by: number) => void;
  readonly leave: () => void;
}

/** One request that waits; made by {@link Waiters}. */
export class Waiter implements Disposable {
  readonly #parts: WaiterParts;
  #roomNids: Iterable<number> = [];
  #readUpTo = -Infinity;
  #noticedUpTo = -Infinity;
  #wake: (() => void) | undefined;

  constructor(parts: WaiterParts) {
    this.#parts = parts;
  }

  /** From now on waits for what happens in these rooms, and in no others. */
  watch(roomNids: Iterable<number>): void {
    if (roomNids === this.#roomNids) return;
    for (const roomNid of this.#roomNids) removeFrom(this.#parts.rooms, roomNid, this);
    for (const roomNid of roomNids) addTo(this.#parts.rooms, roomNid, this);
    this.#roomNids = roomNids;
  }

  /** Says that everything up to a position is read now: only what comes after it wakes. */
  hasRead(upTo: number): void {
    this.#readUpTo = upTo;
  }

  /** The newest position of what it was told of, or before which that happened. */
  get noticedUpTo(): number {
    return this.#noticedUpTo;
  }

  /** Called when something happened at a position, or before it. */
  notice(position: number): void {
    if (position <= this.#readUpTo) return;
    this.#noticedUpTo = Math.max(this.#noticedUpTo, position);
    this.#wake?.();
  }

  /** Resolves when there is something to read that {@link hasRead} has not seen, and at the latest at `untilMs`. */
  async next(untilMs: number, signal: AbortSignal): Promise<WakeReason> {
    if (signal.aborted) return 'aborted';
    if (this.#noticedUpTo > this.#readUpTo) return 'woken';
    this.#parts.count(1);
    try {
      return await this.#wait(untilMs, signal);
    } finally {
      this.#wake = undefined;
      this.#parts.count(-1);
    }
  }

  [Symbol.dispose](): void {
    this.watch([]);
    this.#parts.leave();
  }

  #wait(untilMs: number, signal: AbortSignal): Promise<WakeReason> {
    return new Promise((resolve) => {
      const end = (reason: WakeReason): void => {
        timer.cancel();
        signal.removeEventListener('abort', abort);
        resolve(reason);
      };
      const abort = (): void => end('aborted');
      const timer = this.#parts.clock.schedule(untilMs, () => end('timeout'));
      signal.addEventListener('abort', abort);
      this.#wake = () => end('woken');
    });
  }
}

function noticeAll(waiters: ReadonlySet<Waiter> | undefined, position: number): void {
  for (const waiter of waiters ?? []) waiter.notice(position);
}

function addTo(index: Map<number, Set<Waiter>>, nid: number, waiter: Waiter): void {
  const waiters = index.get(nid) ?? new Set();
  waiters.add(waiter);
  index.set(nid, waiters);
}

function removeFrom(index: Map<number, Set<Waiter>>, nid: number, waiter: Waiter): void {
  const waiters = index.get(nid);
  waiters?.delete(waiter);
  if (waiters?.size === 0) index.delete(nid);
}
