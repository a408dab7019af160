import assert from 'node:assert/strict';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import type { Requester } from '../../src/http/endpoint.ts';
import { refreshFuture } from '../../src/futures/manage.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { createTestDatabase } from '../support/database.ts';
import { call, createFutureWorld, FutureWorld, message } from './future-world.ts';
import { interruptDatabase } from './outage.ts';
import { storeFutures } from './stored-futures.ts';

const DAY_MS = 24 * 3_600_000;

describe('the scheduler of futures', () => {
  it('sends what became due while it was down, in order of deadlines (47)', async () => {
    await using database = await createTestDatabase();
    const clock = new ManualClock();
    const down = new FutureWorld(database, { database, clock, isRunning: false });
    const alice = await down.user('alice');
    const roomId = await down.room(alice);
    for (const [timeout, name] of [
      [30, 'third'],
      [10, 'first'],
      [20, 'second'],
    ] as const) {
      await down.create(alice, roomId, { timeout, send_on_timeout: call('slot', { name }) });
    }
    await down[Symbol.asyncDispose]();
    clock.advance(3_600_000);

    await using up = await createFutureWorld({ database, clock, seed: 'after the restart' });
    const calls = (await up.timeline(roomId)).filter((event) => event.type === 'org.example.call');
    assert.deepEqual(
      calls.map((event) => event.content['name']),
      ['first', 'second', 'third'],
    );
    assert.deepEqual(await up.state(roomId, 'org.example.call', 'slot'), { name: 'third' });
  });

  it('works off 10,000 that are overdue, each room in order, while others are served (48)', async function () {
    this.timeout(120_000);
    await using database = await createTestDatabase({ connections: 10 });
    const clock = new ManualClock();
    const world = new FutureWorld(database, { database, clock });
    const alice = await world.user('alice');
    const roomIds: RoomId[] = [];
    for (let count = 0; count < 20; count += 1) roomIds.push(await world.room(alice));
    await insertDue(world, alice, roomIds, 10_000);
    clock.advance(DAY_MS);

    const other = await world.room(alice);
    world.scheduler.start();
    const progress = { isDone: false };
    const drained = world.scheduler.drain().finally(() => {
      progress.isDone = true;
    });
    let served = 0;
    while (!progress.isDone) {
      await world.rooms.send(other, alice.userId, `meanwhile ${served}`);
      served += 1;
    }
    await drained;
    assert.ok(served > 20, `${served} messages were sent meanwhile`);
    for (const roomId of roomIds) {
      const numbers = (await world.bodies(roomId)).map(Number);
      assert.equal(numbers.length, 500);
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      );
    }
    await world[Symbol.asyncDispose]();
  });

  it('waits for deadlines that are further away than a timer can count (52)', async () => {
    await using world = await createFutureWorld();
    const alice = await world.user('alice');
    const roomId = await world.room(alice);
    await world.create(alice, roomId, { timeout_ms: 30 * DAY_MS, send_on_timeout: message('a month later') });
    await world.advance(0);
    await world.advance(25 * DAY_MS);
    assert.deepEqual(await world.bodies(roomId), []);
    await world.advance(5 * DAY_MS);
    assert.deepEqual(await world.bodies(roomId), ['a month later']);
  });

  it('follows a wall clock that jumps: forward it fires, backward it waits, and nothing twice (51)', async () => {
    await using world = await createFutureWorld();
    const alice = await world.user('alice');
    const roomId = await world.room(alice);
    const start = world.clock.nowMs();
    await world.create(alice, roomId, { timeout: 600, send_on_timeout: message('ten minutes') });
    world.clock.set(start + 3_600_000);
    await world.scheduler.drain();
    assert.deepEqual(await world.bodies(roomId), ['ten minutes']);
    await world.create(alice, roomId, { timeout: 600, send_on_timeout: message('ten more') });
    world.clock.set(start);
    await world.scheduler.drain();
    await world.create(alice, roomId, { timeout: 1, send_on_timeout: message('soon') });
    await world.advance(1_000);
    assert.deepEqual(await world.bodies(roomId), ['ten minutes', 'soon']);
    world.clock.set(start + 3_600_000 + 600_000);
    await world.scheduler.drain();
    assert.deepEqual(await world.bodies(roomId), ['ten minutes', 'soon', 'ten more']);
  });

  it('sends late, and once, what became due while the database was away (54)', async () => {
    await using world = await createFutureWorld();
    const alice = await world.user('alice');
    const roomId = await world.room(alice);
    await world.create(alice, roomId, { timeout: 10, send_on_timeout: message('first') });
    await world.create(alice, roomId, { timeout: 11, send_on_timeout: message('second') });
    const restore = await interruptDatabase(world.database);
    await world.advance(12_000);
    await world.advance(10_000);
    await restore();
    await world.advance(10_000);
    await world.advance(10_000);
    assert.deepEqual(await world.bodies(roomId), ['first', 'second']);
  });

  it('finalises with M_LIMIT_EXCEEDED what even the generous budget of its user does not cover (55)', async function () {
    this.timeout(60_000);
    await using world = await createFutureWorld({ rateLimits: true, config: { maxDelayedEvents: 260 } });
    const alice = await world.user('alice');
    const bob = await world.user('bob');
    const roomId = await world.room(alice, [bob]);
    for (let round = 0; round < 2; round += 1) {
      const wanted = Array.from({ length: 260 }, (_, index) =>
        world.create(alice, roomId, { timeout_ms: 1, send_on_timeout: message(`${round}.${index}`) }),
      );
      await Promise.all(wanted);
      await world.advance(1);
    }
    const spent = await world.create(alice, roomId, { timeout_ms: 1, send_on_timeout: message('too many') });
    const others = await world.create(bob, roomId, { timeout_ms: 1, send_on_timeout: message('of another') });
    await world.advance(1);
    const failed = await world.stored(spent);
    assert.equal(failed.status, 'failed');
    assert.match(failed.error ?? '', /M_LIMIT_EXCEEDED/);
    assert.equal((await world.stored(others)).status, 'sent');
    assert.equal((await world.bodies(roomId)).length, 521);
    await world.advance(1_000);
    const later = await world.create(alice, roomId, { timeout_ms: 1, send_on_timeout: message('again') });
    await world.advance(1);
    assert.equal((await world.stored(later)).status, 'sent');
  });

  it('finalises what is due in a room that is no longer here (42)', async () => {
    await using database = await createTestDatabase();
    const clock = new ManualClock();
    const before = new FutureWorld(database, { database, clock, isRunning: false });
    const alice = await before.user('alice');
    const roomId = await before.room(alice);
    const token = await before.create(alice, roomId, {
      timeout: 10,
      send_on_timeout: message('into nothing'),
    });
    await before[Symbol.asyncDispose]();
    await database.database.pool.query('delete from rooms where room_id = $1', [roomId]);
    clock.advance(10_000);

    await using after = await createFutureWorld({ database, clock, seed: 'after' });
    const future = await after.stored(token);
    assert.equal(future.status, 'failed');
    assert.match(future.error ?? '', /The room is not known here/);
  });

  it('sends into a room that was replaced, as long as its members may (41)', async () => {
    await using world = await createFutureWorld();
    const alice = await world.user('alice');
    const roomId = await world.room(alice);
    await world.create(alice, roomId, { timeout: 10, send_on_timeout: message('to the old room') });
    await world.setState(roomId, alice, 'm.room.tombstone', '', { replacement_room: '!new:morrow.test' });
    await world.advance(10_000);
    assert.deepEqual(await world.bodies(roomId), ['to the old room']);
  });

  it('finalises an event that has become too large, and sends the others (63)', async () => {
    await using world = await createFutureWorld();
    const alice = await world.user('alice');
    const roomId = await world.room(alice);
    const large = await world.create(alice, roomId, { timeout: 10, send_on_timeout: message('large') });
    await world.create(alice, roomId, { timeout: 10, send_on_timeout: message('small') });
    // Grown behind its back: what a room does to an event cannot be made as large as this by hand.
    await world.database.database.pool.query(
      `update future_alternatives set content = replace(content, '"large"', '"' || repeat('x', 65536) || '"')`,
    );
    await world.advance(10_000);
    const future = await world.stored(large);
    assert.equal(future.status, 'failed');
    assert.match(future.error ?? '', /M_TOO_LARGE/);
    assert.deepEqual(await world.bodies(roomId), ['small']);
  });

  it('gives up what breaks the server again and again, and sends what waited behind it', async () => {
    await using world = await createFutureWorld();
    const alice = await world.user('alice');
    const roomId = await world.room(alice);
    const broken = await world.create(alice, roomId, { timeout: 10, send_on_timeout: message('broken') });
    await world.create(alice, roomId, { timeout: 11, send_on_timeout: message('behind') });
    await world.database.database.pool.query(
      `update future_alternatives set content = 'no JSON' where content like '%broken%'`,
    );
    for (let count = 0; count < 15; count += 1) await world.advance(10_000);
    const future = await world.stored(broken);
    assert.equal(future.status, 'failed');
    assert.match(future.error ?? '', /M_UNKNOWN/);
    assert.deepEqual(await world.bodies(roomId), ['behind']);
  });

  it('finds what another process has scheduled, and honours its refreshes (50)', async () => {
    const clock = new ManualClock();
    await using one = await createFutureWorld({ clock });
    await using two = await createFutureWorld({ clock, database: one.database, seed: 'the second' });
    const alice = await one.user('alice');
    const roomId = await one.room(alice);
    const token = await one.create(alice, roomId, { timeout: 10, send_on_timeout: message('once') });
    await two.scheduler.drain();
    const tokenId = (await one.stored(token)).tokenId ?? '';
    clock.advance(9_000);
    await refreshFuture(one.deps, { name: { tokenId }, ownerNid: undefined });
    clock.advance(9_000);
    await Promise.all([one.scheduler.drain(), two.scheduler.drain()]);
    assert.deepEqual(await two.bodies(roomId), []);
    await one.scheduler[Symbol.asyncDispose]();
    await two.advance(1_000);
    assert.deepEqual(await two.bodies(roomId), ['once']);
  });

  it('stops without waiting for what is not due, and leaves no timer behind', async () => {
    const world = await createFutureWorld();
    const alice = await world.user('alice');
    const roomId = await world.room(alice);
    await world.create(alice, roomId, { timeout: 10, send_on_timeout: message('never') });
    await world[Symbol.asyncDispose]();
    assert.equal(world.clock.pendingTimers, 0);
  });

  it('forgets what has ended after a week, and all but the newest 1,000 of each user', async () => {
    await using world = await createFutureWorld();
    const alice = await world.user('alice');
    const bob = await world.user('bob');
    const roomId = await world.room(alice, [bob]);
    const count = async (): Promise<number> => {
      const { rows } = await world.database.database.pool.query<{ count: number }>(
        'select count(*) as count from futures',
      );
      return rows[0]?.count ?? 0;
    };
    await world.create(bob, roomId, { timeout: 1, send_on_timeout: message('old') });
    await world.advance(1_000);
    await insertDue(world, alice, [roomId], 1_010);
    await world.advance(10_000);
    assert.equal(await count(), 1_011);
    await world.advance(3_600_000);
    assert.equal(await count(), 1_001);
    await world.create(bob, roomId, { timeout_ms: 30 * DAY_MS, send_on_timeout: message('pending') });
    await world.advance(7 * DAY_MS);
    assert.equal(await count(), 1);
  });
});

/** Stores futures that are due one after the other, dealt out to the rooms in turn. */
async function insertDue(
  world: FutureWorld,
  user: Requester,
  roomIds: readonly RoomId[],
  count: number,
): Promise<void> {
  const { random } = world.deps;
  const texts = Array.from({ length: count }, (_, index) => ({
    delayId: random.bytes(16).toString('hex'),
    timeoutMs: 1_000 + index,
    text: String(index).padStart(6, '0'),
  }));
  await storeFutures(world, user, roomIds, texts);
}
