import type { AccountState } from '../matrix/account-state.ts';
import { forbidden } from '../matrix/errors.ts';
import type { RoomId, UserId } from '../matrix/identifiers.ts';
import { allotPositions, inTransaction, type Db } from '../storage/database.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import {
  deleteExpiredTyping,
  deleteTyping,
  extendTyping,
  findNextTypingExpiry,
  insertTyping,
  isListedTyping,
} from '../storage/typing.ts';
import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { Alarm } from './alarm.ts';
import { requireMember, type Participant } from './room-membership.ts';

export interface TypingDeps {
  readonly db: Db;
  readonly hub: Pick<StreamHub, 'announce'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who types, and how their account is restricted. */
export interface Typist extends Participant {
  readonly accountState?: AccountState | undefined;
}

/** What a client asks for. */
export interface TypingRequest {
  readonly roomId: RoomId;
  readonly userId: UserId;
  /** How long the user counts as typing unless the client says otherwise; undefined when they have stopped. */
  readonly timeoutMs: number | undefined;
}

/** A client that says so for longer is taken to have forgotten. */
const LONGEST_TIMEOUT_MS = 120_000;

/**
 * Who types where. The list is in the database, so that every process reads the same; whoever begins or stops takes a
 * position in the stream, whoever merely goes on typing does not. Whichever process comes first ends what has expired.
 *
 * ```
 *   silent ─ typing ─► typing ─ typing ─► typing, for longer
 *      ▲                 └─ stopped, or the time is over ─┐
 *      └──────────────────────────────────────────────────┘
 * ```
 */
export class Typing implements AsyncDisposable {
  readonly #deps: TypingDeps;
  readonly #alarm: Alarm;

  constructor(deps: TypingDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm({ ...deps, work: () => this.#expire() });
  }

  /** Ends what expired while no process ran, and from now on what does. */
  start(): void {
    this.#alarm.set(this.#deps.clock.nowMs());
  }

  /**
   * Notes that a user types, or has stopped; of who is shadow-banned nothing is noted. Throws 403 M_FORBIDDEN for other
   * users, and for rooms that the user is not in.
   * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid
   */
  async set(user: Typist, request: TypingRequest): Promise<void> {
    const { db, clock } = this.#deps;
    if (request.userId !== user.userId)
      throw forbidden(`${user.userId} does not type for ${request.userId}.`);
    const roomNid = await requireMember(db, user, request.roomId);
    if (user.accountState?.isShadowBanned === true) return;
    const typer = { roomNid, userNid: user.userNid };
    if (request.timeoutMs === undefined || request.timeoutMs <= 0) return this.#stop(typer);
    const nowMs = clock.nowMs();
    const expiresTs = nowMs + Math.min(request.timeoutMs, LONGEST_TIMEOUT_MS);
    await this.#goOn({ ...typer, expiresTs }, nowMs);
    this.#alarm.set(expiresTs);
  }

  /** Resolves when nothing is being ended. */
  idle(): Promise<void> {
    return this.#alarm.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#alarm[Symbol.asyncDispose]();
  }

  async #goOn(
    typer: { readonly roomNid: number; readonly userNid: number; readonly expiresTs: number },
    nowMs: number,
  ): Promise<void> {
    const { db } = this.#deps;
    if (await extendTyping(db, typer, nowMs)) return;
    const position = await inTransaction(db, async (tx) => {
      const allotted = await allotPositions(tx, 1);
      await insertTyping(tx, typer, allotted);
      return allotted;
    });
    this.#announce(position, [typer.roomNid]);
  }

  async #stop(typer: { readonly roomNid: number; readonly userNid: number }): Promise<void> {
    const { db } = this.#deps;
    if (!(await isListedTyping(db, typer.roomNid, typer.userNid))) return;
    const position = await inTransaction(db, async (tx) => {
      const allotted = await allotPositions(tx, 1);
      await deleteTyping(tx, typer, allotted);
      return allotted;
    });
    this.#announce(position, [typer.roomNid]);
  }

  async #expire(): Promise<number | undefined> {
    const { db, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const next = await findNextTypingExpiry(db);
    if (next === undefined || next > nowMs) return next;
    const ended = await inTransaction(db, async (tx) => {
      const position = await allotPositions(tx, 1);
      return { position, roomNids: await deleteExpiredTyping(tx, nowMs, position) };
    });
    this.#announce(ended.position, ended.roomNids);
    return findNextTypingExpiry(db);
  }

  #announce(position: number, roomNids: readonly number[]): void {
    if (roomNids.length === 0) return;
    this.#deps.hub.announce({ position, roomNids: [], userNids: [], ephemeralRoomNids: roomNids });
  }
}
