import assert from 'node:assert/strict';
import { cancelFuture, refreshFuture, sendAlternative, type FutureHandle } from '../../src/futures/manage.ts';
import { scheduleEvent } from '../../src/futures/schedule.ts';
import type { Requester } from '../../src/http/endpoint.ts';
import { MatrixError } from '../../src/matrix/errors.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { currentPosition } from '../../src/storage/database.ts';
import { countPendingFutures } from '../../src/storage/futures.ts';
import { ManualClock } from '../../src/util/clock.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { call, createFutureWorld, message, type FutureWorld } from '../futures/future-world.ts';
import { roundsOf, soon, Tally } from './race.ts';

/** Futures that race at the same moment, each in a room of its own. */
const AT_ONCE = 20;
const TIMEOUT_MS = 10_000;
/** About as long as the scheduler takes for what is due in all rooms: a refresh is to come before, within or after. */
const DRAIN_TRIPS = 60;

interface Racer {
  readonly roomId: RoomId;
  readonly token: string;
  readonly handle: FutureHandle;
}

describe('races of futures', function () {
  this.timeout(120_000);
  let world: FutureWorld;
  let alice: Requester;
  let bob: Requester;
  let roomIds: RoomId[];
  /** Where the stream was when the round began. */
  let roundStart = 0;

  beforeEach(async () => {
    world = await createFutureWorld({ connections: 16, config: { maxDelayedEvents: 10_000 } });
    alice = await world.user('alice');
    bob = await world.user('bob');
    roomIds = [];
    for (let count = 0; count < AT_ONCE; count += 1) {
      const roomId = await world.room(alice, [bob]);
      await world.setPowers(roomId, alice, [bob]);
      roomIds.push(roomId);
    }
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const makeRacer = async (roomId: RoomId, round: string, isState = false): Promise<Racer> => {
    const event = (by: string): JsonObject =>
      isState ? call('slot', { by, round }) : message(`${by} of ${round}`);
    const token = await world.create(bob, roomId, {
      timeout_ms: TIMEOUT_MS,
      ...(isState ? { send_now: call('slot', { by: 'now', round }) } : {}),
      send_on_timeout: event('timeout'),
      send_on_action: { a: event('a'), b: event('b') },
    });
    const { tokenId } = await world.stored(token);
    assert.ok(tokenId !== undefined);
    return { roomId, token, handle: { name: { tokenId }, ownerNid: undefined } };
  };
  /** Runs `race` for futures of all rooms at once, as often as it takes for the wanted number of races. */
  const inRounds = async (
    wanted: number,
    race: (racers: readonly Racer[], round: number) => Promise<void>,
    isState = false,
  ): Promise<void> => {
    for (let round = 0; round < Math.ceil(wanted / AT_ONCE); round += 1) {
      roundStart = await currentPosition(world.deps.db);
      const racers = await Promise.all(roomIds.map((roomId) => makeRacer(roomId, String(round), isState)));
      await race(racers, round);
    }
  };
  /** What each room got of a round. */
  const sentIn = async (roomId: RoomId, round: number): Promise<string[]> =>
    (await world.bodies(roomId, roundStart)).map(String).filter((body) => body.endsWith(` of ${round}`));
  const act = (racer: Racer, name: string): Promise<string> =>
    sendAlternative(world.deps, racer.handle, ({ trigger }) => trigger === `action:${name}`).then(
      (managed) => managed.kind,
    );

  it('a refresh and the timer: either one more period and no event, or gone and one event (3)', async () => {
    const tally = new Tally();
    await inRounds(roundsOf(500), async (racers, round) => {
      world.clock.advance(TIMEOUT_MS);
      const [, ...refreshed] = await Promise.all([
        world.scheduler.drain(),
        ...racers.map((racer) => soon(world, () => refreshFuture(world.deps, racer.handle), DRAIN_TRIPS)),
      ]);
      await world.scheduler.drain();
      for (const [index, racer] of racers.entries()) {
        const kind = refreshed[index]?.kind ?? '';
        tally.note(kind);
        const { status, deadlineTs } = await world.stored(racer.token);
        const sent = await sentIn(racer.roomId, round);
        if (kind === 'done') {
          assert.deepEqual([status, sent], ['pending', []]);
          assert.equal(deadlineTs, world.clock.nowMs() + TIMEOUT_MS);
          await cancelFuture(world.deps, racer.handle);
        } else assert.deepEqual([kind, status, sent], ['ended', 'sent', [`timeout of ${round}`]]);
      }
    });
    tally.expect('done', 'ended');
  });

  it('two actions: one event, and the other is gone (4)', async () => {
    const tally = new Tally();
    await inRounds(roundsOf(500), async (racers, round) => {
      const ends = await Promise.all(
        racers.map((racer) =>
          Promise.all([soon(world, () => act(racer, 'a')), soon(world, () => act(racer, 'b'))]),
        ),
      );
      for (const [index, racer] of racers.entries()) {
        const end = ends[index] ?? ['', ''];
        assert.deepEqual([...end].toSorted(), ['done', 'ended']);
        const winner = end[0] === 'done' ? 'a' : 'b';
        tally.note(winner);
        assert.deepEqual(await sentIn(racer.roomId, round), [`${winner} of ${round}`]);
      }
    });
    tally.expect('a', 'b');
  });

  it('an action and the timer: one event (5)', async () => {
    const tally = new Tally();
    await inRounds(roundsOf(500), async (racers, round) => {
      world.clock.advance(TIMEOUT_MS);
      const [, ...ends] = await Promise.all([
        soon(world, () => world.scheduler.drain()),
        ...racers.map((racer) => soon(world, () => act(racer, 'a'))),
      ]);
      await world.scheduler.drain();
      for (const [index, racer] of racers.entries()) {
        const winner = ends[index] === 'done' ? 'a' : 'timeout';
        tally.note(winner);
        assert.deepEqual(await sentIn(racer.roomId, round), [`${winner} of ${round}`]);
      }
    });
    tally.expect('a', 'timeout');
  });

  it('identical requests, to two processes: one future and one send_now (18)', async () => {
    await using other = await createFutureWorld({
      database: world.database,
      clock: world.clock,
      seed: 'the other process',
      config: { maxDelayedEvents: 10_000 },
    });
    const rounds = roundsOf(500);
    for (let round = 0; round < rounds; round += AT_ONCE) {
      roundStart = await currentPosition(world.deps.db);
      const asked = roomIds.map(async (roomId, index) => {
        const body = {
          timeout_ms: TIMEOUT_MS,
          ...(index % 2 === 0 ? { send_now: message(`now of ${round}`) } : {}),
          send_on_timeout: message(`timeout of ${round}`),
        };
        const answers = await Promise.all(
          [world, other, world, other].map((process) =>
            soon(process, () => process.createAnswer(bob, roomId, body, `same ${round}`)),
          ),
        );
        for (const answer of answers) assert.deepEqual(answer, answers[0]);
        assert.deepEqual(await sentIn(roomId, round), index % 2 === 0 ? [`now of ${round}`] : []);
      });
      await Promise.all(asked);
    }
    const { rows } = await world.database.database.pool.query<{ count: number }>(
      'select count(*) as count from futures',
    );
    assert.equal(rows[0]?.count, Math.ceil(rounds / AT_ONCE) * AT_ONCE);
  });

  it('more requests than one may have futures, to two processes: as many as are allowed, and no more (86)', async () => {
    const MOST = 10;
    const config = { maxDelayedEvents: MOST };
    const [here, there] = await Promise.all(
      ['here', 'there'].map((seed) =>
        createFutureWorld({ database: world.database, clock: world.clock, seed, connections: 16, config }),
      ),
    );
    assert.ok(here !== undefined && there !== undefined);
    await using _here = here;
    await using _there = there;
    const rounds = roundsOf(100);
    for (let round = 0; round < rounds; round += AT_ONCE) {
      const owner = await world.user(`owner${round}`);
      const owned = await Promise.all([world.room(owner), world.room(owner)]);
      const start = await currentPosition(world.deps.db);
      const asked = Array.from({ length: 3 * MOST }, async (_, index) => {
        const process = index % 2 === 0 ? here : there;
        const roomId = owned[index % 3 === 0 ? 0 : 1] ?? owned[0];
        try {
          await soon<unknown>(process, () =>
            index % 5 === 0
              ? scheduleEvent(process.deps, owner, {
                  roomId,
                  event: {
                    type: 'm.room.message',
                    stateKey: undefined,
                    content: { msgtype: 'm.text', body: 'later' },
                  },
                  delayMs: TIMEOUT_MS,
                })
              : process.createAnswer(
                  owner,
                  roomId,
                  {
                    timeout_ms: TIMEOUT_MS,
                    ...(index % 5 < 3 ? { send_now: message(`now ${index}`) } : {}),
                    send_on_timeout: message('later'),
                  },
                  `request ${index}`,
                ),
          );
          return index;
        } catch (error) {
          assert.ok(error instanceof MatrixError, String(error));
          assert.equal(error.errcode, 'M_LIMIT_EXCEEDED');
          return undefined;
        }
      });
      const made = (await Promise.all(asked)).filter((index) => index !== undefined);
      assert.equal(made.length, MOST);
      assert.equal((await countPendingFutures(world.deps.db, owner.userNid)).count, MOST);
      const sent = await Promise.all(owned.map((roomId) => world.bodies(roomId, start)));
      const expected = made
        .filter((index) => index % 5 !== 0 && index % 5 < 3)
        .map((index) => `now ${index}`);
      assert.deepEqual(sent.flat().map(String).toSorted(), expected.toSorted());
    }
  });

  it('new state in the very millisecond of the deadline: it is the newer state that stays (26)', async () => {
    const tally = new Tally();
    await inRounds(
      roundsOf(1_000),
      async (racers, round) => {
        world.clock.advance(TIMEOUT_MS);
        const newer = { by: 'somebody', round: String(round) };
        await Promise.all([
          soon(world, () => world.scheduler.drain()),
          ...racers.map((racer, index) =>
            soon(world, () =>
              world.setState(racer.roomId, index % 2 === 0 ? alice : bob, 'org.example.call', 'slot', newer),
            ),
          ),
        ]);
        await world.scheduler.drain();
        for (const racer of racers) {
          assert.deepEqual(await world.state(racer.roomId, 'org.example.call', 'slot'), newer);
          const { status } = await world.stored(racer.token);
          tally.note(status);
          const sent = (await world.timeline(racer.roomId, roundStart))
            .filter((event) => event.type === 'org.example.call' && event.content['round'] === newer.round)
            .map((event) => event.content['by']);
          assert.deepEqual(
            sent,
            status === 'sent' ? ['now', 'timeout', 'somebody'] : ['now', 'somebody'],
            status,
          );
        }
      },
      true,
    );
    tally.expect('sent', 'superseded');
  });

  it('two processes at one deadline: each future fires once, in order, and refreshes count for both (50)', async () => {
    await using other = await createFutureWorld({
      database: world.database,
      clock: world.clock,
      seed: 'the other process',
      connections: 16,
    });
    assert.ok(world.clock instanceof ManualClock);
    await inRounds(roundsOf(500), async (racers, round) => {
      const second = await Promise.all(
        racers.map(({ roomId }) =>
          world.create(bob, roomId, {
            timeout_ms: TIMEOUT_MS + 1,
            send_on_timeout: message(`second of ${round}`),
          }),
        ),
      );
      world.clock.advance(TIMEOUT_MS - 1);
      const [refreshed, ...rest] = racers;
      assert.ok(refreshed !== undefined);
      await refreshFuture(other.deps, refreshed.handle);
      world.clock.advance(2);
      await Promise.all([
        soon(world, () => world.scheduler.drain()),
        soon(other, () => other.scheduler.drain()),
      ]);
      await Promise.all([world.scheduler.drain(), other.scheduler.drain()]);
      for (const racer of rest) {
        const expected = [`timeout of ${round}`, `second of ${round}`];
        assert.deepEqual(await sentIn(racer.roomId, round), expected);
      }
      assert.deepEqual(await sentIn(refreshed.roomId, round), [`second of ${round}`]);
      await cancelFuture(world.deps, refreshed.handle);
      for (const token of second) assert.equal((await world.stored(token)).status, 'sent');
    });
  });
});
