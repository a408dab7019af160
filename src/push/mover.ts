import { setTimeout as sleep } from 'node:timers/promises';
import type { PredefinedRules } from '../matrix/push-rules/default-rules.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { currentPosition, type Database, type Db, type Tx } from '../storage/database.ts';
import { deleteNotificationsOf } from '../storage/forgotten-notifications.ts';
import { insertNotifications } from '../storage/notifications.ts';
import { setPushProgress, takePushBacklog, type PushBacklog } from '../storage/push-progress.ts';
import { moveReadMarks } from '../storage/read-marks.ts';
import { inTwoRoundTrips } from '../storage/round-trips.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { applyPushRules, type PushRuleDeps } from './apply-rules.ts';
import { PassedOver } from './passed-over.ts';
import { PersonalRulesMemory } from './personal-rules.ts';

export interface PushMoverDeps extends Omit<RoomReadDeps, 'db'>, PredefinedRules {
  readonly database: Database;
  readonly hub: Pick<StreamHub, 'subscribe'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when there is something to send to gateways. */
  readonly onPushersDue: () => void;
  /** See {@link PushRuleDeps}. */
  readonly longBatchMs?: number | undefined;
}

const MOST_EVENTS_AT_ONCE = 200;
const RETRY_MS = 1_000;
/** Nobody waits for what the hub tells: what comes within this time is one batch. Readers of counts do not wait for it. */
const GATHER_MS = 50;

/**
 * Follows the stream and applies push rules to what enters rooms, and receipts to what that has led to.
 *
 * ```
 *             the hub, a reader that needs the counts, the timer after a failure
 *   resting ──────────────────────────────────────────────────────────────────► moving: batch by batch, in one
 *      ▲                                                                          │      transaction each
 *      └──────────────────────────── at the end of the stream ◄───────────────────┘
 * ```
 *
 * How far it has come is a row. Any number of processes may move it: whoever holds the row's lock does, the others
 * wait and find the work done.
 */
export class PushMover implements AsyncDisposable {
  readonly #deps: PushMoverDeps;
  readonly #db: Db;
  readonly #ruleDeps: PushRuleDeps;
  /** Rules are applied up to here at least, by whichever process. */
  #appliedUpTo = 0;
  /** Up to here somebody wants them to be. */
  #wantedUpTo = 0;
  /** Up to here the hub has told of what may count, and whether what came before that was looked for. */
  #toldUpTo = 0;
  #hasStarted = false;
  #moving: Promise<void> | undefined;
  #waking: Promise<void> | undefined;
  #wakeAgain = false;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #isStopped = false;

  constructor(deps: PushMoverDeps) {
    this.#deps = deps;
    this.#db = deps.database.db;
    const { legacyMentions, threadSubscriptions } = deps;
    const personalRules = new PersonalRulesMemory({ db: this.#db, legacyMentions, threadSubscriptions });
    this.#ruleDeps = { ...deps, db: this.#db, personalRules, passedOver: new PassedOver() };
  }

  /** Catches up with what happened meanwhile, and follows from then on. Does not wait for that. */
  start(): void {
    this.#unsubscribe = this.#deps.hub.subscribe((change) => {
      if (change.roomNids.length === 0 && (change.ephemeralRoomNids?.length ?? 0) === 0) return;
      this.#toldUpTo = Math.max(this.#toldUpTo, change.position);
      this.#wake();
    });
    this.#wake();
  }

  /** Resolves when everything up to a position counts; rejects when the database is away. */
  async catchUp(upTo: number): Promise<void> {
    this.#wantedUpTo = Math.max(this.#wantedUpTo, upTo);
    while (this.#appliedUpTo < upTo && !this.#isStopped) {
      this.#moving ??= this.#move(this.#wantedUpTo).finally(() => {
        this.#moving = undefined;
      });
      await this.#moving;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe?.();
    this.#timer?.cancel();
    await Promise.allSettled([this.#waking, this.#moving]);
  }

  #wake(): void {
    if (this.#isStopped) return;
    this.#wakeAgain = true;
    this.#waking ??= this.#catchUpQuietly().finally(() => {
      this.#waking = undefined;
      if (this.#wakeAgain) this.#wake();
    });
  }

  async #catchUpQuietly(): Promise<void> {
    while (this.#wakeAgain && !this.#isStopped) {
      this.#wakeAgain = false;
      // In real time: a clock that a test has stopped must not keep notifications back.
      await sleep(GATHER_MS);
      try {
        if (!this.#hasStarted) {
          this.#toldUpTo = Math.max(this.#toldUpTo, await currentPosition(this.#db));
          this.#hasStarted = true;
        }
        await this.catchUp(this.#toldUpTo);
      } catch (error) {
        // The top of a long-running loop: the database is away, and what is left undone will be done late.
        const { log, clock } = this.#deps;
        log.warn({ err: error }, 'push rules cannot be applied, trying again');
        this.#timer?.cancel();
        this.#timer = clock.schedule(clock.nowMs() + RETRY_MS, () => this.#wake());
      }
    }
  }

  /** One batch, on the way to a position. */
  async #move(upTo: number): Promise<void> {
    const nowTs = this.#deps.clock.nowMs();
    const { reached, pushersDue } = await inTwoRoundTrips(
      this.#deps.database,
      (tx) => takePushBacklog(tx, upTo, MOST_EVENTS_AT_ONCE),
      async (backlog) => {
        const write = backlog && (await this.#apply(backlog, nowTs));
        // Nothing happened there that counts, or another process was here.
        return write ?? (() => Promise.resolve({ reached: upTo, pushersDue: false }));
      },
    );
    this.#appliedUpTo = Math.max(this.#appliedUpTo, reached);
    if (pushersDue) this.#deps.onPushersDue();
  }

  async #apply(backlog: PushBacklog, nowTs: number) {
    const effects = await applyPushRules(this.#ruleDeps, backlog, nowTs);
    const { applied, notifications, readMarks, withdrawn } = effects;
    const isCut = applied < backlog.events.length;
    const reached = isCut ? (backlog.events[applied - 1]?.position ?? 0) : backlog.reached;
    const receipts = backlog.receipts.filter(({ position }) => position <= reached);
    return async (tx: Tx): Promise<{ readonly reached: number; readonly pushersDue: boolean }> => {
      const [, ...due] = await Promise.all([
        setPushProgress(tx, reached),
        insertNotifications(tx, notifications, nowTs),
        // Behind what has come, so that what is read of it is.
        moveReadMarks(tx, [...readMarks, ...receipts], { reached, nowTs }),
        deleteNotificationsOf(tx, withdrawn, nowTs),
      ]);
      return { reached, pushersDue: due.includes(true) };
    };
  }
}
