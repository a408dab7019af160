import { stateSlot } from '../matrix/event.ts';
import type { EventId, RoomId } from '../matrix/identifiers.ts';
import { hasGuest, listGuestsIn, listRoomsWithGuests, type Guest } from '../storage/guests.ts';
import type { Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { readableEvent } from './client-events.ts';
import { clientIntent, type IntentDeps } from './client-intent.ts';
import type { Pipeline } from './pipeline.ts';
import { currentStateOf, findStateEvent, type RoomReadDeps } from './read-state.ts';
import type { CommittedChange } from './room-queue.ts';

export interface GuestLeavesDeps extends RoomReadDeps, IntentDeps {
  readonly pipeline: Pick<Pipeline, 'submit'>;
  readonly log: Log;
}

const GUEST_ACCESS = 'm.room.guest_access';
const GUEST_ACCESS_SLOT = stateSlot(GUEST_ACCESS, '');
const GUESTS_AT_ONCE = 20;
const RETRY_MS = 5_000;

/** A room to be looked at. */
interface ChangedRoom {
  readonly roomId: RoomId;
  /** Whom to look for: local users who came in, or (undefined) whoever is there, since the rule may have changed. */
  readonly joined: readonly number[] | undefined;
}

/**
 * Makes guests leave the rooms that do not let guests in, in their own name, however it came to that: a client or a future
 * that set m.room.guest_access, its redaction, an outcome of state resolution, a guest who came in at the same moment.
 * https://spec.matrix.org/v1.19/client-server-api/#guest-access
 *
 * ```
 *                 a commit that may matter, the start, the timer after a failure
 *   resting ──────────────────────────────────────────────────────────────────────► looking, room by room
 *      ▲                                                                                  │
 *      └───────────────────────── no room is left, or the database is away ◄──────────────┘
 * ```
 *
 * What a process did not come to do before its end is found at the next start of any.
 */
export class GuestLeaves implements AsyncDisposable {
  readonly #deps: GuestLeavesDeps;
  readonly #changed = new Map<number, ChangedRoom>();
  #accessKeyNid: number | undefined;
  #isAllDue = false;
  #looking: Promise<void> | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(deps: GuestLeavesDeps) {
    this.#deps = deps;
  }

  /** Looks at all rooms with guests, and follows from then on. Does not wait for that. */
  async start(): Promise<void> {
    const keys = await this.#deps.stateKeys.intern([GUEST_ACCESS_SLOT]);
    this.#accessKeyNid = keys.get(GUEST_ACCESS_SLOT);
    this.#isAllDue = true;
    this.#wake();
  }

  /** Called after a commit of this process. */
  note(change: CommittedChange): void {
    const { roomNid, roomId } = change;
    const isRuleTouched =
      (this.#accessKeyNid !== undefined && change.stateChanges.has(this.#accessKeyNid)) ||
      change.events.some(({ event }) => event.type === 'm.room.redaction');
    const joined = change.memberships
      .filter((member) => member.isLocal && member.membership === 'join')
      .map((member) => member.userNid);
    if (!isRuleTouched && joined.length === 0) return;
    const { joined: expected } = this.#changed.get(roomNid) ?? { joined: [] };
    const whom = isRuleTouched || expected === undefined ? undefined : [...expected, ...joined];
    this.#changed.set(roomNid, { roomId, joined: whom });
    this.#wake();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #wake(): void {
    if (this.#isStopped) return;
    this.#looking ??= this.#lookQuietly().finally(() => {
      this.#looking = undefined;
      if (this.#changed.size > 0) this.#wake();
    });
  }

  async #lookQuietly(): Promise<void> {
    try {
      if (this.#isAllDue) await this.#expectAll();
      for (const [roomNid, room] of this.#changed) {
        if (this.#isStopped) return;
        this.#changed.delete(roomNid);
        await this.#look(roomNid, room);
      }
    } catch (error) {
      // The top of a long-running loop: the database is away, and what is left undone will be done late.
      const { log, clock } = this.#deps;
      log.warn({ err: error }, 'guests cannot be made to leave, trying again');
      this.#changed.clear();
      this.#isAllDue = true;
      this.#timer?.cancel();
      this.#timer = clock.schedule(clock.nowMs() + RETRY_MS, () => this.#wake());
    }
  }

  async #expectAll(): Promise<void> {
    const rooms = await listRoomsWithGuests(this.#deps.db);
    this.#isAllDue = false;
    for (const { roomNid, roomId } of rooms) this.#changed.set(roomNid, { roomId, joined: undefined });
  }

  async #look(roomNid: number, { roomId, joined }: ChangedRoom): Promise<void> {
    if (joined !== undefined && !(await hasGuest(this.#deps.db, joined))) return;
    const stored = await findStateEvent(this.#deps, currentStateOf(roomNid), GUEST_ACCESS, '');
    if (stored !== undefined && readableEvent(stored).event.content['guest_access'] === 'can_join') return;
    for (let afterNid = 0; ;) {
      const guests = await listGuestsIn(this.#deps.db, roomNid, afterNid, GUESTS_AT_ONCE);
      await Promise.all(guests.map((guest) => this.#leave(roomId, guest, stored?.eventId)));
      const last = guests.at(-1);
      if (last === undefined || this.#isStopped) return;
      afterNid = last.userNid;
    }
  }

  /** Unless the rule has changed again. */
  async #leave(roomId: RoomId, guest: Guest, ruleId: EventId | undefined): Promise<void> {
    const event = { type: 'm.room.member', stateKey: guest.userId, content: { membership: 'leave' } };
    const outcome = await this.#deps.pipeline.submit({
      roomId,
      intents: [clientIntent(this.#deps, guest.userId, event)],
      onlyWhile: ruleId === undefined ? undefined : { slot: GUEST_ACCESS_SLOT, eventId: ruleId },
    });
    if (outcome.kind === 'refused')
      this.#deps.log.info({ roomId, reason: outcome.error.message }, 'a room does not let a guest leave');
  }
}
