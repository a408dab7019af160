import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { Fleet } from './fleet.ts';
import { startKillableServer } from './killed-server.ts';
import { makeRooms } from './mixed-load-rooms.ts';
import { MixedLoad } from './mixed-load.ts';
import { roundsOf } from './race.ts';
import { Readers } from './readers.ts';
import { SyncedView } from './synced-view.ts';

const USERS = 4;
const ROOMS = 3;
/** Events of a room in an answer: with few, whoever was away too long finds a gap and has to fill it. */
const LIMITS = [100, 3, 10, 1];
/** What is done in a round, by all together. */
const STEPS = 60;
const WAIT_MS = 2_000;

describe('killing servers under mixed load', function () {
  this.timeout(1_800_000);
  let database: TestDatabase;
  let dataDir: string;
  let fleet: Fleet;

  beforeEach(async () => {
    database = await createTestDatabase();
    dataDir = await mkdtemp(join(tmpdir(), 'morrow-mixed-'));
    fleet = new Fleet(() => startKillableServer({ databaseUrl: database.url, dataDir }));
  });
  afterEach(async () => {
    await fleet[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('loses nothing that one server acknowledged, doubles nothing, and leaves no gap in any /sync', () =>
    run(1));

  it('holds with two on one database, either of which may be killed', () => run(2));

  async function run(servers: number): Promise<void> {
    for (let count = 0; count < servers; count += 1) await fleet.add();
    const { users, roomIds } = await makeRooms(await fleet.pick(0), USERS, ROOMS);
    const load = new MixedLoad(fleet, users, roomIds);
    const views = users.map((user, client) => ({
      user,
      view: new SyncedView(fleet, client + 1, user, LIMITS[client] ?? 10),
    }));
    const readers = new Readers(fleet, views, WAIT_MS);
    const worked = load.work();
    const rounds = roundsOf(10);
    for (let round = 0; round < rounds; round += 1) {
      // With several servers some of it is left for those that stay.
      load.grant(STEPS);
      const replaced = untilAnswered(1 + Math.floor(Math.random() * STEPS)).then(() =>
        fleet.replace(Math.floor(Math.random() * servers)),
      );
      await Promise.race([replaced, worked, readers.reading]);
    }
    load.end();
    await worked;
    await untilNothingIsPending();
    await readers.finish(load);
  }

  function untilAnswered(more: number): Promise<void> {
    const enough = fleet.answered + more;
    return until(`${more} answers`, () => fleet.answered >= enough);
  }

  function untilNothingIsPending(): Promise<void> {
    return until('the futures to end', async () => {
      const { rows } = await database.database.pool.query(
        `select from futures where status = 'pending' limit 1`,
      );
      return rows.length === 0;
    });
  }
});
