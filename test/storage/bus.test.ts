import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PostgresBus, type BusTopic } from '../../src/storage/bus.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { seededRandom } from '../../src/util/random.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { createUnreachableDatabase } from '../support/breakable-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

/** Longer than any wait between two attempts, shorter than two of them. */
const NEXT_ATTEMPT_MS = 10_000;

function startBus(database: Pick<TestDatabase, 'database'>, self: string) {
  const clock = new ManualClock();
  const warnings: string[] = [];
  const bus = new PostgresBus({
    database: database.database,
    clock,
    log: createLog({ level: 'warn', destination: { write: (line) => void warnings.push(line) } }),
    random: seededRandom(self),
    self,
  });
  const heard: ReadonlySet<BusTopic>[] = [];
  bus.subscribe((topics) => heard.push(topics));
  return { bus, clock, warnings, heard };
}

/** Ends the connections to a database and lets nobody in, or lets them in again. */
async function setAway(from: TestDatabase, other: TestDatabase, isAway: boolean): Promise<void> {
  const name = new URL(other.url).pathname.slice(1);
  await from.database.pool.query(`alter database ${name} allow_connections ${!isAway}`);
  if (isAway)
    await from.database.pool.query(
      'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1',
      [name],
    );
}

describe('the bus', () => {
  it('carries what one process says to the others, not to itself', async () => {
    await using database = await createTestDatabase({ migrated: false });
    const here = startBus(database, 'here');
    const there = startBus(database, 'there');
    await using _here = here.bus;
    await using _there = there.bus;
    await here.bus.start();
    await there.bus.start();
    here.bus.publish('stream');
    await until('the other process to hear', () => there.heard.length > 0);
    assert.deepEqual(there.heard, [new Set(['stream'])]);
    assert.deepEqual(here.heard, []);
  });

  it('says nothing while nobody else listens, and all of it to whoever comes', async () => {
    await using database = await createTestDatabase({ migrated: false });
    await using stranger = await database.database.pool.connect().then((client) => ({
      client,
      [Symbol.asyncDispose]: () => Promise.resolve(client.release(true)),
    }));
    const overheard: (string | undefined)[] = [];
    stranger.client.on('notification', ({ payload }) => overheard.push(payload));
    const here = startBus(database, 'here');
    await using _here = here.bus;
    await here.bus.start();
    await stranger.client.query('listen morrow');
    here.bus.publish('stream');
    await stranger.client.query(`select pg_sleep(0.05), pg_notify('morrow', 'end of silence')`);
    await until('the end', () => overheard.length > 0);
    assert.deepEqual(overheard, ['end of silence']);
    const there = startBus(database, 'there');
    await using _there = there.bus;
    await there.bus.start();
    await until('the other process to hear of it', () => there.heard.length > 0);
    assert.deepEqual(there.heard, [new Set(['stream'])]);
  });

  it('loses nothing of what is said while another one comes, 200 times', async () => {
    await using database = await createTestDatabase({ migrated: false });
    const here = startBus(database, 'here');
    await using _here = here.bus;
    await here.bus.start();
    for (let round = 0; round < 200; round += 1) {
      const there = startBus(database, `there ${round}`);
      await using _there = there.bus;
      const isStarted = there.bus.start();
      for (let turn = 0; turn < round % 20; turn += 1) await nextTurn();
      here.bus.publish('stream');
      await isStarted;
      there.heard.length = 0;
      here.bus.publish('futures');
      await until('it to be heard', () => there.heard.some((topics) => topics.has('futures')));
    }
  });

  it('tries one connection at a time while the database is away, and listens once it is back', async () => {
    await using elsewhere = await createTestDatabase({ migrated: false });
    await using database = await createTestDatabase({ migrated: false });
    const { bus, clock, warnings, heard } = startBus(database, 'here');
    await using _bus = bus;
    await bus.start();
    const timers = clock.pendingTimers;
    await setAway(elsewhere, database, true);
    await until('the loss to be noticed', () => clock.pendingTimers > timers);
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      clock.advance(NEXT_ATTEMPT_MS);
      await until('an attempt to fail', () => warnings.length >= attempt && clock.pendingTimers > timers);
      assert.equal(warnings.length, attempt);
      assert.equal(clock.pendingTimers, timers + 1);
    }
    await setAway(elsewhere, database, false);
    heard.length = 0;
    clock.advance(NEXT_ATTEMPT_MS);
    await until('it to listen again', async () => {
      await database.database.pool.query(`select pg_notify('morrow', 'there futures')`);
      return heard.some((topics) => topics.size === 1 && topics.has('futures'));
    });
  });

  it('gives up a connection that leads nowhere, though nothing says so', async () => {
    await using database = await createUnreachableDatabase('silent');
    await using reached = openDatabase({ url: database.url }, 1, { connectMs: 200, statementMs: 200 });
    const { bus, clock, heard } = startBus({ database: reached }, 'here');
    await using _bus = bus;
    await bus.start();
    await database.takeAway();
    await until('the silence to be noticed', () => {
      clock.advance(NEXT_ATTEMPT_MS);
      return !bus.isListening;
    });
    await database.bringBack();
    await until('it to listen again', () => {
      clock.advance(NEXT_ATTEMPT_MS);
      return bus.isListening;
    });
    heard.length = 0;
    await database.database.pool.query(`select pg_notify('morrow', 'there futures')`);
    await until('it to hear', () => heard.some((topics) => topics.size === 1 && topics.has('futures')));
  });
});
