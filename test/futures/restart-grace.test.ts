import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refreshFuture, sendAlternative } from '../../src/futures/manage.ts';
import { readFutureToken } from '../../src/futures/token.ts';
import type { Requester } from '../../src/http/endpoint.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { textIn, startFutureServer, UNSTABLE } from './future-server.ts';
import { createFutureWorld, message, type FutureWorld } from './future-world.ts';

const MINUTE = 60_000;
const GRACE = 30_000;

describe('a future that was being refreshed when the server went down', () => {
  let database: TestDatabase;
  let clock: ManualClock;
  let alice: Requester;
  let roomId: RoomId;
  let seeds = 0;
  beforeEach(async () => {
    database = await createTestDatabase({ connections: 8 });
    clock = new ManualClock();
  });
  afterEach(() => database[Symbol.asyncDispose]());

  const start = (restartGraceMs: number): Promise<FutureWorld> =>
    createFutureWorld({
      database,
      clock,
      seed: `process ${(seeds += 1)}`,
      config: { futures: { unsuffixedUnit: 'seconds', cancelOnOthersState: false, restartGraceMs } },
    });
  const make = (world: FutureWorld, name: string, timeoutMs: number): Promise<string> =>
    world.create(alice, roomId, {
      timeout_ms: timeoutMs,
      send_on_timeout: message(name),
      send_on_action: { bye: message(`${name} by action`) },
    });
  const refresh = async (world: FutureWorld, token: string): Promise<void> => {
    assert.equal((await refreshFuture(world.deps, handleOf(world, token))).kind, 'done');
  };
  const handleOf = (world: FutureWorld, token: string): Parameters<typeof refreshFuture>[1] => {
    const tokenId = readFutureToken(world.deps.identity.key, token);
    assert.ok(tokenId !== undefined);
    return { name: { tokenId }, ownerNid: undefined };
  };
  /** Makes what `prepare` makes in a first process, and is away for a while. */
  async function down<T>(awayMs: number, prepare: (world: FutureWorld) => Promise<T>): Promise<T> {
    const world = await start(0);
    alice = await world.user('alice');
    roomId = await world.room(alice);
    const prepared = await prepare(world);
    await world[Symbol.asyncDispose]();
    clock.advance(awayMs);
    return prepared;
  }
  const refreshed = async (world: FutureWorld, name: string, timeoutMs: number): Promise<string> => {
    const token = await make(world, name, timeoutMs);
    await refresh(world, token);
    return token;
  };

  it('is sent at once after the start unless there is a grace', async () => {
    await down(MINUTE, (world) => refreshed(world, 'beat', 8_000));
    await using world = await start(0);
    assert.deepEqual(await world.bodies(roomId), ['beat']);
  });

  it('has one more timeout to be refreshed in, and then is sent', async () => {
    await down(MINUTE, (world) => refreshed(world, 'beat', 8_000));
    await using world = await start(GRACE);
    await world.advance(7_999);
    assert.deepEqual(await world.bodies(roomId), []);
    await world.advance(1);
    assert.deepEqual(await world.bodies(roomId), ['beat']);
  });

  it('lives on when it is refreshed in that time, as if nothing had been', async () => {
    const token = await down(MINUTE, (world) => refreshed(world, 'beat', 8_000));
    await using world = await start(GRACE);
    await world.advance(5_000);
    await refresh(world, token);
    await world.advance(7_999);
    assert.deepEqual(await world.bodies(roomId), []);
    await world.advance(1);
    assert.deepEqual(await world.bodies(roomId), ['beat']);
  });

  it('waits for no longer than the operator wants, whatever its timeout', async () => {
    await down(3 * 60 * MINUTE, (world) => refreshed(world, 'hourly', 60 * MINUTE));
    await using world = await start(GRACE);
    await world.advance(GRACE - 1);
    assert.deepEqual(await world.bodies(roomId), []);
    await world.advance(1);
    assert.deepEqual(await world.bodies(roomId), ['hourly']);
  });

  it('may be ended by an action in that time', async () => {
    const token = await down(MINUTE, (world) => refreshed(world, 'beat', 8_000));
    await using world = await start(GRACE);
    const bye = await sendAlternative(
      world.deps,
      handleOf(world, token),
      ({ trigger }) => trigger === 'action:bye',
    );
    assert.equal(bye.kind, 'done');
    await world.advance(MINUTE);
    assert.deepEqual(await world.bodies(roomId), ['beat by action']);
  });

  it('does not keep those that were never refreshed, or come due later, from their time', async () => {
    await down(MINUTE, async (world) => {
      await refreshed(world, 'beat', 8_000);
      await make(world, 'message', 9_000);
      await refreshed(world, 'not yet due', MINUTE + 2_000);
    });
    await using world = await start(GRACE);
    assert.deepEqual(await world.bodies(roomId), ['message']);
    await world.advance(2_000);
    assert.deepEqual(await world.bodies(roomId), ['message', 'not yet due']);
    await world.advance(6_000);
    assert.deepEqual(await world.bodies(roomId), ['message', 'not yet due', 'beat']);
  });

  it('is sent in its time where another process was there, whoever starts then', async () => {
    await using world = await start(GRACE);
    alice = await world.user('alice');
    roomId = await world.room(alice);
    await refreshed(world, 'beat', 8_000);
    // Nobody has come to send it when the other process starts.
    clock.advance(8_000);
    await using other = await start(GRACE);
    await world.scheduler.drain();
    await other.scheduler.drain();
    assert.deepEqual(await world.bodies(roomId), ['beat']);
  });

  it('is a delayed leave like any other, seen over HTTP', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'morrow-grace-'));
    const futures = { unsuffixedUnit: 'seconds', cancelOnOthersState: false, restartGraceMs: GRACE } as const;
    const options = { database, dataDir, clock, config: { futures } };
    try {
      const before = await startFutureServer(options);
      const bob = await before.user('bob');
      const room = await before.room(bob);
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/leave`;
      const query = '?org.matrix.msc4140.delay=8000';
      const scheduled = await before.ask('PUT', path + query, bob, { msgtype: 'm.text', body: 'left' });
      const restart = `${UNSTABLE}/delayed_events/${textIn(scheduled.body, 'delay_id')}/restart`;
      assert.equal((await before.ask('POST', restart)).status, 200);
      await before[Symbol.asyncDispose]();
      clock.advance(MINUTE);

      await using after = await startFutureServer(options);
      await after.advance(5_000);
      assert.equal((await after.ask('POST', restart)).status, 200);
      await after.advance(7_999);
      assert.deepEqual(await after.bodies(room, bob), []);
      await after.advance(1);
      assert.deepEqual(await after.bodies(room, bob), ['left']);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
