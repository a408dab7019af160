import type { Bus } from '../storage/bus.ts';
import type { Db } from '../storage/database.ts';
import {
  findSoonestDeadline,
  listDueFutures,
  type RestartGrace,
  type StoredFuture,
} from '../storage/futures.ts';
import type { Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { fireInOrder, type FireDeps } from './fire.ts';
import { sweepFutures } from './retention.ts';

interface Rest {
  readonly untilMs: number;
  /** How often in a row it was interrupted, and how often by a fault of the server's own. */
  readonly failures: number;
  readonly faults: number;
}

export interface SchedulerDeps extends FireDeps {
  readonly db: Db;
  readonly bus: Bus;
  readonly log: Log;
  /**
   * After a downtime, refreshed futures are overdue though their clients are alive: so long, and their own timeout at
   * most, they wait for one more refresh. 0 sends them at once.
   */
  readonly restartGraceMs: number;
}

/** However quiet it is, the database is asked this often: what a wake-up that was lost would have said. */
const POLL_MS = 5_000;
const MOST_DUE_AT_ONCE = 500;
const MOST_ROOMS_AT_ONCE = 16;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
const SWEEP_EVERY_MS = 3_600_000;

/**
 * Sends the timeouts of futures: one timer, set to the soonest deadline of all.
 *
 * ```
 *            start, a nearer deadline, the timer, the bus
 *   waiting ───────────────────────────────────────────► passing: what is due, room by room
 *      ▲                                                    │      (in one room in order of deadlines,
 *      └── the timer is set to the next deadline, ◄─────────┘       rooms beside each other)
 *          or to when a room or the database is tried again
 * ```
 *
 * Any number of processes may do this at once: the commit of the event is what decides who was first. Deadlines are
 * times of the wall clock: a clock that is set forward makes them due, one that is set back makes them later, and
 * nothing is sent twice. A grace after the start is a matter of the process alone: where another one was there all the
 * time, that sends what is due.
 */
export class FutureScheduler implements AsyncDisposable {
  readonly #deps: SchedulerDeps;
  readonly #busyRooms = new Map<number, Promise<void>>();
  /** Rooms in which something went wrong that is not the futures' fault. */
  readonly #resting = new Map<number, Rest>();
  #timer: Timer | undefined;
  #armedForMs = Infinity;
  /** The soonest deadline that was announced since the database was last asked for it. */
  #announcedMs = Infinity;
  #passing: Promise<void> | undefined;
  #passAgain = false;
  #failures = 0;
  #sweepAtMs = 0;
  #startedMs: number | undefined;
  #isStopped = false;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    deps.bus.subscribe((topics) => {
      if (topics.has('futures')) this.#wake();
    });
  }

  /**
   * Sends what is overdue, in order of deadlines, but for what has a grace, and from then on what becomes due. Does not
   * wait for that.
   */
  start(): void {
    this.#startedMs = this.#deps.clock.nowMs();
    this.#wake();
  }

  /** Says that there is a deadline, in milliseconds since the epoch; others are told when it is the soonest. */
  expect(deadlineTs: number): void {
    this.#announcedMs = Math.min(this.#announcedMs, deadlineTs);
    if (this.#isStopped || deadlineTs >= this.#armedForMs) return;
    this.#arm(deadlineTs);
    this.#deps.bus.publish('futures');
  }

  /** Resolves when everything that was due at the call has been handled, or is to be tried again later. */
  async drain(): Promise<void> {
    this.#wake();
    await this.idle();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#passing !== undefined) await this.#passing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.idle();
  }

  #wake(): void {
    if (this.#isStopped) return;
    this.#passAgain = true;
    this.#passing ??= this.#passUntilQuiet().finally(() => {
      this.#passing = undefined;
      // A wake-up that came between the end of the last pass and now.
      if (this.#passAgain) this.#wake();
    });
  }

  async #passUntilQuiet(): Promise<void> {
    while (this.#passAgain && !this.#isStopped) {
      this.#passAgain = false;
      try {
        this.#forgetRests(await this.#pass());
        this.#announcedMs = Infinity;
        const nextMs = await this.#nextMs();
        this.#arm(Math.min(nextMs, this.#announcedMs));
        this.#failures = 0;
      } catch (error) {
        // The top of a long-running loop: the database is away, and what is due will be sent late.
        this.#failures += 1;
        this.#deps.watch?.onInterrupted('database');
        this.#deps.log.warn({ err: error, failures: this.#failures }, 'futures cannot be read, trying again');
        this.#arm(this.#deps.clock.nowMs() + this.#backoffMs(this.#failures));
      }
    }
    await Promise.all(this.#busyRooms.values());
  }

  /** Works off what is due, until nothing is that could be sent now: as of the time that is returned. */
  async #pass(): Promise<number> {
    const { db, clock } = this.#deps;
    let nowMs = clock.nowMs();
    while (!this.#isStopped) {
      nowMs = clock.nowMs();
      const except = this.#roomsToLeaveAlone();
      const due = await listDueFutures(db, nowMs, MOST_DUE_AT_ONCE, except, this.#graceAt(nowMs));
      for (const [roomNid, futures] of byRoom(due)) {
        if (this.#busyRooms.size >= MOST_ROOMS_AT_ONCE) await Promise.race(this.#busyRooms.values());
        this.#busyRooms.set(roomNid, this.#fireRoom(roomNid, futures));
      }
      if (due.length > 0) continue;
      if (this.#busyRooms.size === 0) break;
      await Promise.race(this.#busyRooms.values());
    }
    await this.#sweep();
    return nowMs;
  }

  /** Never rejects. */
  async #fireRoom(roomNid: number, futures: readonly StoredFuture[]): Promise<void> {
    const { failures = 0, faults = 0 } = this.#resting.get(roomNid) ?? {};
    const result = await fireInOrder(this.#deps, futures, faults);
    if (result.kind === 'handled') this.#resting.delete(roomNid);
    else {
      const untilMs = this.#deps.clock.nowMs() + this.#backoffMs(failures + 1);
      this.#resting.set(roomNid, {
        untilMs,
        failures: failures + 1,
        faults: result.isFault ? faults + 1 : 0,
      });
    }
    this.#busyRooms.delete(roomNid);
  }

  /** A room whose rest was over when it was looked at, and that still rests, has nothing due any more. */
  #forgetRests(lookedAtMs: number): void {
    for (const [roomNid, rest] of this.#resting)
      if (rest.untilMs <= lookedAtMs) this.#resting.delete(roomNid);
  }

  #roomsToLeaveAlone(): number[] {
    const nowMs = this.#deps.clock.nowMs();
    const resting = [...this.#resting].filter(([, rest]) => rest.untilMs > nowMs).map(([roomNid]) => roomNid);
    return [...this.#busyRooms.keys(), ...resting];
  }

  /** undefined once it is over for all. */
  #graceAt(nowMs: number): RestartGrace | undefined {
    const { restartGraceMs: mostMs } = this.#deps;
    const startedTs = this.#startedMs;
    return startedTs === undefined || nowMs >= startedTs + mostMs ? undefined : { startedTs, mostMs };
  }

  async #nextMs(): Promise<number> {
    const nowMs = this.#deps.clock.nowMs();
    const except = this.#roomsToLeaveAlone();
    const soonest = await findSoonestDeadline(this.#deps.db, except, this.#graceAt(nowMs));
    const rested = [...this.#resting.values()].map((rest) => rest.untilMs);
    return Math.min(nowMs + POLL_MS, soonest ?? Infinity, ...rested);
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    this.#armedForMs = atMs;
    this.#timer = this.#deps.clock.schedule(atMs, () => {
      this.#armedForMs = Infinity;
      this.#wake();
    });
  }

  #backoffMs(failures: number): number {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
    const jitter = (this.#deps.random.bytes(1)[0] ?? 0) / 255;
    return longest * (0.5 + jitter / 2);
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#deps.clock.nowMs();
    if (nowMs < this.#sweepAtMs) return;
    await sweepFutures(this.#deps.db, nowMs);
    this.#sweepAtMs = nowMs + SWEEP_EVERY_MS;
  }
}

function byRoom(futures: readonly StoredFuture[]): Map<number, StoredFuture[]> {
  const rooms = new Map<number, StoredFuture[]>();
  for (const future of futures) {
    const room = rooms.get(future.roomNid);
    if (room === undefined) rooms.set(future.roomNid, [future]);
    else room.push(future);
  }
  return rooms;
}
