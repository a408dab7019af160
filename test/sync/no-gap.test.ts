import assert from 'node:assert/strict';
import { parseFilter } from '../../src/matrix/filters.ts';
import type { RoomId, UserId } from '../../src/matrix/identifiers.ts';
import { readPage } from '../../src/rooms/read-timeline.ts';
import { parseStreamToken } from '../../src/storage/stream-token.ts';
import type { StateAfterKey } from '../../src/sync/provider.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { seededRandom, type Random } from '../../src/util/random.ts';
import {
  ALICE,
  BOB,
  CHARLIE,
  createSyncWorld,
  member,
  textAt,
  type RoomAnswer,
  type SyncWorld,
} from './sync-world.ts';

/** What a client makes of the answers: the whole timeline and the state of each room. */
class Client {
  readonly timelines = new Map<RoomId, string[]>();
  readonly states = new Map<RoomId, Map<string, string>>();
  #world: SyncWorld;
  #userId: UserId;
  #limit: number;
  #stateAfter: StateAfterKey | undefined;
  #since: string | undefined;

  constructor(world: SyncWorld, userId: UserId, limit: number, stateAfter: StateAfterKey | undefined) {
    this.#world = world;
    this.#userId = userId;
    this.#limit = limit;
    this.#stateAfter = stateAfter;
  }

  /** Syncs once, waiting for news, and fills gaps by /messages. */
  async step(): Promise<void> {
    const filter = JSON.stringify({ room: { timeline: { limit: this.#limit } } });
    const since = this.#since;
    const request = { since, filter, timeoutMs: 1_000, stateAfter: this.#stateAfter };
    const synced = await this.#world.sync(this.#userId, request);
    for (const roomId of synced.rooms('join')) {
      const room = synced.room('join', roomId as RoomId);
      assert.ok(room !== undefined);
      await this.#take(roomId as RoomId, room, since);
    }
    this.#since = synced.next;
  }

  /** Whether the client has an event of each of the rooms. */
  has(eventIds: ReadonlyMap<RoomId, string>): boolean {
    return [...eventIds].every(([roomId, eventId]) => this.timelines.get(roomId)?.includes(eventId));
  }

  async #take(roomId: RoomId, room: RoomAnswer, since: string | undefined): Promise<void> {
    const known = this.timelines.get(roomId);
    const after = known === undefined || since === undefined ? undefined : parseStreamToken(since);
    const missed = room.limited ? await this.#pageBack(roomId, room.prevBatch, after) : [];
    const fresh = [...missed, ...room.timeline.map((event) => textAt(event, 'event_id'))];
    const timeline = [...(known ?? []), ...fresh];
    assert.equal(new Set(timeline).size, timeline.length, 'nothing comes twice');
    this.timelines.set(roomId, timeline);
    const state = this.states.get(roomId) ?? new Map<string, string>();
    const updates = room.stateAfter ?? [...(room.state ?? []), ...room.timeline];
    for (const event of updates.filter((update) => 'state_key' in update)) {
      state.set(slotOf(event), textAt(event, 'event_id'));
    }
    this.states.set(roomId, state);
  }

  async #pageBack(roomId: RoomId, token: string, to: number | undefined): Promise<string[]> {
    const { deps } = this.#world;
    const viewer = await this.#world.viewer(this.#userId);
    const filter = parseFilter({}).room.timeline;
    const found: string[] = [];
    let from = parseStreamToken(token);
    while (from !== undefined) {
      const page = await readPage(deps, viewer, {
        roomId,
        backwards: true,
        from,
        to,
        limit: 3,
        filter,
      });
      found.unshift(...page.chunk.map((event) => textAt(event, 'event_id')).toReversed());
      from = page.end;
    }
    return found;
  }
}

function slotOf(event: JsonObject): string {
  return `${textAt(event, 'type')} ${textAt(event, 'state_key')}`;
}

async function speak(
  process: SyncWorld,
  sender: UserId,
  rooms: readonly RoomId[],
  random: Random,
): Promise<void> {
  for (let count = 0; count < 25; count += 1) {
    const [which = 0, what = 0] = random.bytes(2);
    const roomId = rooms[which % rooms.length];
    assert.ok(roomId !== undefined);
    if (what % 4 === 0 && sender === ALICE) {
      await process.test.setState(roomId, sender, 'm.room.topic', '', { topic: `${count}` });
    } else if (what % 7 === 0) {
      await process.test.setState(roomId, sender, 'm.room.member', sender, {
        membership: 'join',
        displayname: `${count}`,
      });
    } else {
      await process.test.send(roomId, sender, `${sender} ${count}`);
    }
  }
}

describe('a client that syncs on and on', () => {
  let world: SyncWorld;
  let other: SyncWorld;
  beforeEach(async () => {
    world = await createSyncWorld();
    other = await createSyncWorld({ beside: world, seed: 'other' });
  });
  afterEach(async () => {
    await other[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  async function truthOf(roomId: RoomId): Promise<{ timeline: string[]; state: Map<string, string> }> {
    const everything = new Client(world, ALICE, 100, 'state_after');
    await everything.step();
    return {
      timeline: everything.timelines.get(roomId) ?? [],
      state: everything.states.get(roomId) ?? new Map(),
    };
  }

  for (const seed of ['a', 'b', 'c', 'd']) {
    it(`misses nothing and gets nothing twice while others talk, seed ${seed}`, async () => {
      const rooms = [await world.test.createRoom(ALICE), await other.test.createRoom(ALICE)];
      for (const roomId of rooms) await member(world, roomId, BOB, BOB, 'join');
      const clients = [
        new Client(world, ALICE, 1, undefined),
        new Client(other, ALICE, 3, 'state_after'),
        new Client(world, BOB, 10, 'state_after'),
        new Client(other, BOB, 2, undefined),
      ];
      const last = new Map<RoomId, string>();
      const listening = clients.map(async (client) => {
        while (last.size < rooms.length || !client.has(last)) await client.step();
      });
      await Promise.all([
        speak(world, ALICE, rooms, seededRandom(`${seed} alice`)),
        speak(other, BOB, rooms, seededRandom(`${seed} bob`)),
      ]);
      for (const roomId of rooms) {
        last.set(roomId, (await world.test.send(roomId, ALICE, 'the end')).event.eventId);
      }
      await Promise.all(listening);
      for (const roomId of rooms) {
        const truth = await truthOf(roomId);
        assert.equal(truth.timeline.at(-1), last.get(roomId));
        for (const client of clients) {
          assert.deepEqual(client.timelines.get(roomId), truth.timeline);
          assert.deepEqual(client.states.get(roomId), truth.state);
        }
      }
    });
  }

  it('follows rooms that it joins on the way', async () => {
    const roomId = await world.test.createRoom(ALICE);
    for (let count = 0; count < 12; count += 1) await world.test.send(roomId, ALICE, `${count}`);
    const client = new Client(other, CHARLIE, 4, undefined);
    await client.step();
    await member(world, roomId, CHARLIE, CHARLIE, 'join');
    await client.step();
    await world.test.send(roomId, ALICE, 'welcome');
    await client.step();
    const truth = await truthOf(roomId);
    assert.deepEqual(client.timelines.get(roomId), truth.timeline);
    assert.deepEqual(client.states.get(roomId), truth.state);
  });

  it('goes on with a token that is older than the process', async () => {
    const roomId = await world.test.createRoom(ALICE);
    const quiet = await world.test.createRoom(ALICE);
    const { next } = await world.sync(ALICE);
    await world.test.send(roomId, ALICE, 'while it was not there');
    const late = await createSyncWorld({ beside: world, seed: 'late' });
    try {
      const synced = await late.sync(ALICE, { since: next });
      assert.deepEqual(synced.rooms('join'), [roomId]);
      assert.equal(synced.room('join', roomId)?.timeline.length, 1);
      assert.deepEqual((await late.sync(ALICE, { since: synced.next })).rooms('join'), []);
      assert.ok(!synced.rooms('join').includes(quiet));
    } finally {
      await late[Symbol.asyncDispose]();
    }
  });
});
