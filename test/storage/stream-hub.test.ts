import assert from 'node:assert/strict';
import type { Bus, BusTopic } from '../../src/storage/bus.ts';
import { allotPositions, inTransaction } from '../../src/storage/database.ts';
import { StreamHub, type StreamChange } from '../../src/storage/stream-hub.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline } from '../support/pipeline.ts';

const ALICE = localUser('alice');

/** A bus on which a test speaks for the other processes. */
class QuietBus implements Bus {
  readonly published: BusTopic[] = [];
  #listener: (topics: ReadonlySet<BusTopic>) => void = () => {};

  publish(topic: BusTopic): void {
    this.published.push(topic);
  }

  subscribe(listener: (topics: ReadonlySet<BusTopic>) => void): void {
    this.#listener = listener;
  }

  hear(...topics: BusTopic[]): void {
    this.#listener(new Set(topics));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function startHub(
  database: TestDatabase,
): Promise<{ hub: StreamHub; bus: QuietBus; told: StreamChange[] }> {
  const bus = new QuietBus();
  const hub = new StreamHub({ db: database.database.db, bus });
  await hub.start();
  const told: StreamChange[] = [];
  hub.subscribe((change) => told.push(change));
  return { hub, bus, told };
}

describe('the stream hub', () => {
  it('tells what another process committed when the bus says so', async () => {
    await using database = await createTestDatabase();
    await using other = makePipeline(database);
    const { hub, bus, told } = await startHub(database);
    await other.createRoom(ALICE);
    assert.equal(told.length, 0);
    bus.hear('stream');
    await hub.idle();
    const [change] = told;
    assert.equal(told.length, 1);
    assert.deepEqual(change?.roomNids, [other.committed[0]?.roomNid]);
    assert.deepEqual(change?.userNids, [other.committed[0]?.memberships[0]?.userNid]);
    assert.equal(change?.position, hub.toldUpTo);
  });

  it('passes over what the bus says to others', async () => {
    await using database = await createTestDatabase();
    await using other = makePipeline(database);
    const { hub, bus, told } = await startHub(database);
    await other.createRoom(ALICE);
    bus.hear('futures');
    await hub.idle();
    assert.deepEqual(told, []);
  });

  it('tells its own commits at once, and the others of them', async () => {
    await using database = await createTestDatabase();
    const { hub, bus, told } = await startHub(database);
    const change = { position: 5, roomNids: [1], userNids: [2] };
    hub.announce(change);
    assert.deepEqual(told, [change]);
    assert.deepEqual(bus.published, ['stream']);
  });

  it('has told what its own commits say of a stretch, whichever comes first, and reads only the rest', async () => {
    await using database = await createTestDatabase();
    await using other = makePipeline(database);
    const roomId = await other.createRoom(ALICE);
    const { hub, told } = await startHub(database);
    const start = hub.toldUpTo;
    const announce = (first: number, last: number): void =>
      hub.announce({ first: start + first, position: start + last, roomNids: [], userNids: [] });
    announce(2, 4);
    assert.equal(hub.toldUpTo, start);
    announce(1, 1);
    assert.equal(hub.toldUpTo, start + 4);
    announce(8, 9);
    announce(3, 4);
    assert.equal(hub.toldUpTo, start + 4);
    // All of these are told before the reading comes to them.
    for (let n = 1; n <= 9; n += 1) await other.send(roomId, ALICE, `message ${n}`);
    told.length = 0;
    const caughtUp = hub.catchUp();
    announce(5, 9);
    assert.equal(await caughtUp, start + 9);
    assert.equal(hub.toldUpTo, start + 9);
    assert.deepEqual(
      told.map(({ position }) => position - start),
      [9],
    );
  });

  it('has told everything that was committed before it was asked to catch up', async () => {
    await using database = await createTestDatabase();
    await using other = makePipeline(database);
    const { hub, told } = await startHub(database);
    const roomId = await other.createRoom(ALICE);
    const positions = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const { position } = await other.send(roomId, ALICE, `message ${index}`);
        const upTo = await hub.catchUp();
        assert.ok(position !== undefined && upTo >= position);
        assert.ok(told.some((change) => change.position >= position));
        return upTo;
      }),
    );
    assert.equal(hub.toldUpTo, Math.max(...positions));
  });

  it('catches up over more positions than it reads at once', async () => {
    await using database = await createTestDatabase();
    await using other = makePipeline(database);
    const { hub, told } = await startHub(database);
    const { db } = database.database;
    await other.createRoom(ALICE);
    await inTransaction(db, (tx) => allotPositions(tx, 12_000));
    await other.createRoom(ALICE);
    assert.equal(await hub.catchUp(), hub.toldUpTo);
    assert.deepEqual(
      new Set(told.flatMap((change) => change.roomNids)),
      new Set(other.committed.map((change) => change.roomNid)),
    );
  });

  it('says when the database is away, and goes on when it is back', async () => {
    await using database = await createTestDatabase();
    const { hub } = await startHub(database);
    await database.database.pool.query('alter table stream rename to gone');
    await assert.rejects(hub.catchUp());
    await database.database.pool.query('alter table gone rename to stream');
    assert.equal(await hub.catchUp(), 0);
  });
});
