import assert from 'node:assert/strict';
import { createFuture } from '../../src/futures/create.ts';
import { createFiringLimiter } from '../../src/futures/firing-limiter.ts';
import type { FutureDeps } from '../../src/futures/future-deps.ts';
import { FutureScheduler } from '../../src/futures/scheduler.ts';
import { readFutureToken } from '../../src/futures/token.ts';
import type { Requester } from '../../src/http/endpoint.ts';
import { UNRESTRICTED } from '../../src/matrix/account-state.ts';
import type { MatrixEvent } from '../../src/matrix/event.ts';
import { parseDeviceId, type RoomId } from '../../src/matrix/identifiers.ts';
import type { RoomVersion } from '../../src/matrix/room-version.ts';
import { generateSigningKey } from '../../src/matrix/signing-key.ts';
import type { ProposedEvent } from '../../src/rooms/intent.ts';
import { asMatrixEvent } from '../../src/rooms/load-facts.ts';
import { PostgresBus } from '../../src/storage/bus.ts';
import { currentPosition } from '../../src/storage/database.ts';
import { listTimeline } from '../../src/storage/events.ts';
import { findFuture, type StoredFuture } from '../../src/storage/futures.ts';
import { findRoomNid, listWholeState } from '../../src/storage/rooms.ts';
import { listEventsByNid } from '../../src/storage/events.ts';
import { internUsers } from '../../src/storage/users.ts';
import { ManualClock } from '../../src/util/clock.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { createLog } from '../../src/util/log.ts';
import { seededRandom } from '../../src/util/random.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline, SERVER_NAME, type TestPipeline } from '../support/pipeline.ts';

const key = generateSigningKey(seededRandom('the signing key'), 'a_test');

export interface WorldOptions {
  readonly connections?: number;
  /** Of another world: a second process, or the same one after a restart. */
  readonly database?: TestDatabase;
  readonly clock?: ManualClock;
  readonly seed?: string;
  readonly config?: Partial<FutureDeps['config']>;
  readonly rateLimits?: boolean;
  /** False leaves the scheduler off, as if the server was down. */
  readonly isRunning?: boolean;
}

/** The domain of futures over a real database: pipeline, scheduler, and the verbs that stories need. */
export class FutureWorld implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly clock: ManualClock;
  readonly rooms: TestPipeline;
  readonly scheduler: FutureScheduler;
  readonly deps: FutureDeps;
  readonly #bus: PostgresBus;
  readonly #ownsDatabase: boolean;
  #txns = 0;

  constructor(database: TestDatabase, options: WorldOptions) {
    const { clock = new ManualClock(), seed = 'futures' } = options;
    const { db } = database.database;
    const log = createLog({ level: 'silent' });
    const random = seededRandom(seed);
    this.database = database;
    this.clock = clock;
    this.#ownsDatabase = options.database === undefined;
    this.rooms = makePipeline(database, { clock, seed: `${seed} rooms` });
    this.#bus = new PostgresBus({ database: database.database, clock, log, random, self: seed });
    const identity = { serverName: SERVER_NAME, key };
    const { pipeline } = this.rooms;
    const config = {
      maxDelayMs: 366 * 24 * 3_600_000,
      maxDelayedEvents: 100,
      futures: { unsuffixedUnit: 'seconds', cancelOnOthersState: false, restartGraceMs: 0 },
      ...options.config,
    } as const;
    this.scheduler = new FutureScheduler({
      db,
      bus: this.#bus,
      log,
      clock,
      random,
      identity,
      pipeline,
      restartGraceMs: config.futures.restartGraceMs,
      firingLimiter: createFiringLimiter({
        enabled: options.rateLimits ?? false,
        clock,
        maxDelayedEvents: config.maxDelayedEvents,
      }),
    });
    this.deps = {
      db,
      database: database.database,
      clock,
      random,
      identity,
      pipeline,
      config,
      futureScheduler: options.isRunning === false ? { expect: () => undefined } : this.scheduler,
    };
  }

  async start(): Promise<void> {
    await this.#bus.start();
    this.scheduler.start();
    await this.scheduler.idle();
  }

  async user(localpart: string, device = 'DEVICE'): Promise<Requester> {
    const userId = localUser(localpart);
    const userNid = (await internUsers(this.deps.db, [userId])).get(userId);
    const deviceId = parseDeviceId(device);
    assert.ok(userNid !== undefined && deviceId !== undefined);
    return {
      userId,
      userNid,
      deviceId,
      sessionNid: 1,
      isGuest: false,
      isAdmin: false,
      accountState: UNRESTRICTED,
    };
  }

  /** A public room of the first user in which the others are, too. */
  async room(creator: Requester, others: readonly Requester[] = [], version?: RoomVersion): Promise<RoomId> {
    const roomId = await this.rooms.createRoom(creator.userId, version);
    for (const other of others) await this.setMembership(roomId, other, other, 'join');
    return roomId;
  }

  setMembership(
    roomId: RoomId,
    sender: Requester,
    target: Requester,
    membership: string,
  ): Promise<ProposedEvent> {
    return this.setState(roomId, sender, 'm.room.member', target.userId, { membership });
  }

  setState(
    roomId: RoomId,
    sender: Requester,
    type: string,
    stateKey: string,
    content: JsonObject,
  ): Promise<ProposedEvent> {
    return this.rooms.setState(roomId, sender.userId, type, stateKey, content);
  }

  /** Lets the given users set state; all others may send messages only. */
  async setPowers(roomId: RoomId, creator: Requester, powerful: readonly Requester[]): Promise<void> {
    const users = Object.fromEntries(powerful.map((user) => [user.userId, 50]));
    await this.setState(roomId, creator, 'm.room.power_levels', '', { users, state_default: 50 });
  }

  /** Makes a future and says its token. */
  async create(user: Requester, roomId: RoomId, body: JsonObject): Promise<string> {
    const answer = await this.createAnswer(user, roomId, body);
    const token = answer['future_token'];
    assert.ok(typeof token === 'string');
    return token;
  }

  createAnswer(user: Requester, roomId: RoomId, body: JsonObject, txnId?: string): Promise<JsonObject> {
    this.#txns += 1;
    const request = { roomId, txnId: txnId ?? `t${this.#txns}`, read: () => body };
    return createFuture(this.deps, user, request);
  }

  /** The future of a token, as it is in the database. */
  async stored(token: string): Promise<StoredFuture> {
    const tokenId = readFutureToken(this.deps.identity.key, token);
    assert.ok(tokenId !== undefined);
    const future = await findFuture(this.deps.db, { tokenId });
    assert.ok(future !== undefined);
    return future;
  }

  /** Moves the clock and waits until all that became due is handled. */
  async advance(byMs: number): Promise<void> {
    this.clock.advance(byMs);
    await this.scheduler.drain();
  }

  /** All events of a room after a stream position, oldest first. */
  async timeline(roomId: RoomId, after = 0): Promise<MatrixEvent[]> {
    const { db } = this.deps;
    const roomNid = await findRoomNid(db, roomId);
    assert.ok(roomNid !== undefined);
    const upTo = await currentPosition(db);
    const stored = await listTimeline(db, { roomNid, after, upTo, limit: 100_000, newestFirst: false });
    return stored.map(asMatrixEvent);
  }

  /** The bodies of the room's messages, oldest first. */
  async bodies(roomId: RoomId, after = 0): Promise<unknown[]> {
    const timeline = await this.timeline(roomId, after);
    return timeline.filter((event) => event.type === 'm.room.message').map((event) => event.content['body']);
  }

  /** The content of a piece of current state. */
  async state(roomId: RoomId, type: string, stateKey = ''): Promise<JsonObject | undefined> {
    const { db } = this.deps;
    const roomNid = await findRoomNid(db, roomId);
    assert.ok(roomNid !== undefined);
    const whole = await listWholeState(db, roomNid);
    const events = (await listEventsByNid(db, [...whole.values()])).map(asMatrixEvent);
    return events.find((event) => event.type === type && event.stateKey === stateKey)?.content;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler[Symbol.asyncDispose]();
    await this.rooms[Symbol.asyncDispose]();
    await this.#bus[Symbol.asyncDispose]();
    if (this.#ownsDatabase) await this.database[Symbol.asyncDispose]();
  }
}

/** A world that runs. */
export async function createFutureWorld(options: WorldOptions = {}): Promise<FutureWorld> {
  const database = options.database ?? (await createTestDatabase({ connections: options.connections ?? 6 }));
  const world = new FutureWorld(database, options);
  if (options.isRunning !== false) await world.start();
  return world;
}

/** A message, as a body of `send_on_timeout` and the like. */
export function message(body: string): JsonObject {
  return { type: 'm.room.message', content: { msgtype: 'm.text', body } };
}

/** A state event `org.example.call` for a state key. */
export function call(stateKey: string, content: JsonObject): JsonObject {
  return { type: 'org.example.call', state_key: stateKey, content };
}
