import assert from 'node:assert/strict';
import { parseDeviceId, type RoomId, type UserId } from '../../src/matrix/identifiers.ts';
import type { Bus, BusTopic } from '../../src/storage/bus.ts';
import { IgnoredUsers } from '../../src/storage/ignored-users.ts';
import { StreamHub } from '../../src/storage/stream-hub.ts';
import { internUsers } from '../../src/storage/users.ts';
import type { SyncReadDeps, SyncViewer } from '../../src/sync/provider.ts';
import { SyncFeed } from '../../src/sync/sync-feed.ts';
import { sync, type SyncRequest } from '../../src/sync/sync.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline, type TestPipeline } from '../support/pipeline.ts';

/** A process of the server as /sync sees it: pipeline, hub and feed, on a database that others may share. */
export interface SyncWorld extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly test: TestPipeline;
  readonly clock: ManualClock;
  readonly hub: StreamHub;
  readonly bus: TestBus;
  readonly deps: SyncReadDeps;
  /** The user as a syncing device; interned when first asked for. */
  viewer(userId: UserId): Promise<SyncViewer>;
  sync(userId: UserId, request?: Partial<SyncRequest> & { readonly signal?: AbortSignal }): Promise<Synced>;
}

type Section = 'join' | 'invite' | 'knock' | 'leave';

/** An answer, with ways to look into it. */
export interface Synced {
  readonly body: JsonObject;
  readonly next: string;
  readonly room: (section: Section, roomId: RoomId) => RoomAnswer | undefined;
  readonly rooms: (section: Section) => string[];
}

export interface RoomAnswer {
  readonly body: JsonObject;
  readonly timeline: readonly JsonObject[];
  readonly limited: boolean;
  readonly prevBatch: string;
  /** undefined when the section is not there. */
  readonly state: readonly JsonObject[] | undefined;
  readonly stateAfter: readonly JsonObject[] | undefined;
  readonly summary: JsonObject | undefined;
}

/** A bus that carries messages to the other processes of a test at once. */
export class TestBus implements Bus {
  readonly #others: TestBus[] = [];
  #listener: (topics: ReadonlySet<BusTopic>) => void = () => {};

  connect(other: TestBus): void {
    this.#others.push(other);
    other.#others.push(this);
  }

  publish(topic: BusTopic): void {
    for (const other of this.#others) other.#listener(new Set([topic]));
  }

  subscribe(listener: (topics: ReadonlySet<BusTopic>) => void): void {
    this.#listener = listener;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export async function createSyncWorld(
  options: { readonly beside?: SyncWorld; readonly seed?: string } = {},
): Promise<SyncWorld> {
  const database = options.beside?.database ?? (await createTestDatabase({ connections: 8 }));
  const { db } = database.database;
  const clock = options.beside?.clock ?? new ManualClock();
  const bus = new TestBus();
  if (options.beside !== undefined) bus.connect(options.beside.bus);
  const hub = new StreamHub({ db, bus });
  await hub.start();
  const syncFeed = new SyncFeed({ db, hub, clock });
  const test = makePipeline(database, {
    clock,
    seed: options.seed ?? 'sync',
    onCommitted: ({ roomNid, memberships, position }) => {
      if (position === undefined) return;
      const userNids = memberships.filter((member) => member.isLocal).map((member) => member.userNid);
      hub.announce({ position, roomNids: [roomNid], userNids });
    },
  });
  const { trie, stateKeys } = test.pipeline;
  const ignoredUsers = new IgnoredUsers({ db, hub });
  const deps: SyncReadDeps = {
    db,
    trie,
    stateKeys,
    clock,
    syncFeed,
    ignoredUsers,
    legacyMentions: false,
    threadSubscriptions: false,
    catchUpPush: () => Promise.resolve(),
  };
  const viewer = async (userId: UserId): Promise<SyncViewer> => {
    const userNid = (await internUsers(db, [userId])).get(userId);
    const deviceId = parseDeviceId('DEVICE');
    assert.ok(userNid !== undefined && deviceId !== undefined);
    return { userId, userNid, deviceId, sessionNid: userNid };
  };
  return {
    database,
    test,
    clock,
    hub,
    bus,
    deps,
    viewer,
    async sync(userId, { signal, ...request } = {}) {
      const whole: SyncRequest = {
        filter: undefined,
        since: undefined,
        fullState: false,
        stateAfter: undefined,
        timeoutMs: 0,
        ...request,
      };
      return readAnswer(
        await sync(
          deps,
          await viewer(userId),
          whole,
          signal === undefined ? new AbortController() : { signal },
        ),
      );
    },
    async [Symbol.asyncDispose]() {
      syncFeed[Symbol.dispose]();
      await test[Symbol.asyncDispose]();
      await hub.idle();
      if (options.beside === undefined) await database[Symbol.asyncDispose]();
    },
  };
}

function readAnswer(body: JsonObject): Synced {
  const section = (name: string): JsonObject => objectAt(objectAt(body, 'rooms'), name);
  return {
    body,
    next: textAt(body, 'next_batch'),
    rooms: (name) => Object.keys(section(name)),
    room: (name, roomId) => {
      const room = section(name)[roomId];
      return isJsonObject(room) ? readRoom(room) : undefined;
    },
  };
}

function readRoom(body: JsonObject): RoomAnswer {
  const timeline = objectAt(body, 'timeline');
  return {
    body,
    timeline: eventsIn(timeline) ?? [],
    limited: timeline['limited'] === true,
    prevBatch: 'prev_batch' in timeline ? textAt(timeline, 'prev_batch') : '',
    state: eventsIn(body['state']),
    stateAfter: eventsIn(body['state_after'] ?? body['org.matrix.msc4222.state_after']),
    summary: isJsonObject(body['summary']) ? body['summary'] : undefined,
  };
}

export function eventsIn(value: JsonValue | undefined): readonly JsonObject[] | undefined {
  const events = isJsonObject(value) ? value['events'] : undefined;
  return Array.isArray(events) ? events.filter(isJsonObject) : undefined;
}

export function objectAt(body: JsonObject, key: string): JsonObject {
  const value = body[key];
  return isJsonObject(value) ? value : {};
}

export function textAt(body: JsonObject, key: string): string {
  const value = body[key];
  assert.ok(typeof value === 'string', `${key} is a text in ${JSON.stringify(body)}`);
  return value;
}

/** What messages say, and what others are: the type, with the state key where there is one. */
export function named(events: readonly JsonObject[] | undefined): string[] | undefined {
  return events?.map((event) => {
    const body = objectAt(event, 'content')['body'];
    if (typeof body === 'string') return body;
    const membership = objectAt(event, 'content')['membership'];
    return typeof membership === 'string'
      ? `${textAt(event, 'state_key')} ${membership}`
      : textAt(event, 'type');
  });
}

export const ALICE = localUser('alice');
export const BOB = localUser('bob');
export const CHARLIE = localUser('charlie');

/** Sets a membership. */
export async function member(
  world: SyncWorld,
  roomId: RoomId,
  sender: UserId,
  target: UserId,
  membership: string,
): Promise<void> {
  await world.test.setState(roomId, sender, 'm.room.member', target, { membership });
}

/** Waits, without time passing, until so many requests wait. */
export async function untilWaiting(world: SyncWorld, count = 1): Promise<void> {
  while (world.deps.syncFeed.waiters.waiting < count) await new Promise((resolve) => setImmediate(resolve));
}
