import assert from 'node:assert/strict';
import { changeAccountState } from '../../src/accounts/account-state.ts';
import { createAuthenticator } from '../../src/accounts/authenticate.ts';
import { logOut } from '../../src/accounts/logout.ts';
import { LISTENING_AS, PostgresBus } from '../../src/storage/bus.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { tellSessionsChanged } from '../../src/storage/session-changes.ts';
import { createLog } from '../../src/util/log.ts';
import { seededRandom } from '../../src/util/random.ts';
import { makeUser, shareAccountWorld, userId, ORIGIN, type AccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';
import { until } from '../support/until.ts';

const KEPT_MS = 10_000;
const LOGOUT_ROUNDS = 30;

/** What another process has: its own connections, its own bus, its own memory. */
async function openOtherProcess(world: AccountWorld) {
  const database = openDatabase(world.test.address, 4);
  const { clock } = world;
  const log = createLog({ level: 'silent' });
  const bus = new PostgresBus({ database, clock, log, random: seededRandom('other'), self: 'other' });
  await bus.start();
  const authenticator = createAuthenticator({ db: database.db, bus, clock, log });
  return {
    db: database.db,
    bus,
    authenticator,
    async [Symbol.asyncDispose]() {
      await authenticator[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Ends all sessions behind everybody's back, as no process does. */
async function endSilently(world: AccountWorld, userNid: number): Promise<void> {
  await world.test.database.pool.query('delete from sessions where user_nid = $1', [userNid]);
}

describe('the memory of sessions', () => {
  const shared = shareAccountWorld({ connections: 8 });

  it('spares a request the database, for ten seconds at most', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    await world.authenticator.authenticate(alice.accessToken, ORIGIN);
    await endSilently(world, alice.userNid);
    assert.equal(
      (await world.authenticator.authenticate(alice.accessToken, ORIGIN)).deviceId,
      alice.deviceId,
    );
    world.clock.advance(KEPT_MS);
    const refused = world.authenticator.authenticate(alice.accessToken, ORIGIN);
    await assert.rejects(refused, refusal(401, 'M_UNKNOWN_TOKEN'));
  });

  it('knows of a logout before the logout is answered, whatever is looked up meanwhile', async () => {
    const world = shared();
    for (let round = 0; round < LOGOUT_ROUNDS; round += 1) {
      const { accessToken, userNid, deviceId } = await makeUser(world, `leaver${round}`);
      const look = (): Promise<unknown> => world.authenticator.authenticate(accessToken, ORIGIN);
      if (round % 2 === 0) await look();
      const looks = [look(), look()];
      const leaving = logOut(world, { userNid, deviceId });
      for (let more = 0; more < round % 5; more += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        looks.push(look());
      }
      const seen = Promise.allSettled(looks);
      await leaving;
      await assert.rejects(look(), refusal(401, 'M_UNKNOWN_TOKEN'));
      await seen;
      await assert.rejects(look(), refusal(401, 'M_UNKNOWN_TOKEN'));
    }
  });

  it('keeps nothing that was looked up while something changed', async () => {
    const world = shared();
    const erin = await makeUser(world, 'erin');
    const looking = world.authenticator.authenticate(erin.accessToken, ORIGIN);
    tellSessionsChanged(world.db);
    await looking;
    await endSilently(world, erin.userNid);
    const refused = world.authenticator.authenticate(erin.accessToken, ORIGIN);
    await assert.rejects(refused, refusal(401, 'M_UNKNOWN_TOKEN'));
  });

  it('knows of a locked account at once', async () => {
    const world = shared();
    const bob = await makeUser(world, 'bob');
    const look = async () => (await world.authenticator.authenticate(bob.accessToken, ORIGIN)).accountState;
    assert.equal((await look()).isLocked, false);
    await changeAccountState(
      { ...world, hub: { announce: () => undefined } },
      { userId: userId('@root:test') },
      bob.userId,
      { isLocked: true },
    );
    assert.equal((await look()).isLocked, true);
  });

  it('hears of a logout in another process', async () => {
    const world = shared();
    await using other = await openOtherProcess(world);
    const carol = await makeUser(world, 'carol');
    await world.authenticator.authenticate(carol.accessToken, ORIGIN);
    await logOut({ ...world, db: other.db }, carol);
    await until('the other logout to be heard', () =>
      world.authenticator
        .authenticate(carol.accessToken, ORIGIN)
        .then(() => false, refusal(401, 'M_UNKNOWN_TOKEN')),
    );
  });

  it('is not looked at while nothing can be heard', async () => {
    const world = shared();
    await using other = await openOtherProcess(world);
    const dora = await makeUser(world, 'dora');
    await other.authenticator.authenticate(dora.accessToken, ORIGIN);
    await world.test.database.pool.query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where application_name = $1 and datname = current_database()`,
      [LISTENING_AS],
    );
    await until('the connection to be lost', () => !other.bus.isListening);
    await endSilently(world, dora.userNid);
    const refused = other.authenticator.authenticate(dora.accessToken, ORIGIN);
    await assert.rejects(refused, refusal(401, 'M_UNKNOWN_TOKEN'));
  });
});
